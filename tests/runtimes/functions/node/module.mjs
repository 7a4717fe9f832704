import { basename } from 'node:path';

export const handler = async (event) => ({ style: basename('/es/module') });
export default async (event) => ({ style: 'default' });
