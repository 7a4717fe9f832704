'use strict';
// Turns the CSV that is POSTed into JSON, one object a row, named by the first line.

const { parse } = require('csv-parse/sync');

exports.handler = async (event) => {
  const text = Buffer.from(event.body || '', event.isBase64Encoded ? 'base64' : 'utf8');
  const { delimiter = ',' } = event.queryStringParameters || {};
  try {
    return parse(text, { columns: true, skip_empty_lines: true, trim: true, bom: true, delimiter });
  } catch (error) {
    return {
      statusCode: 422,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ error: error.message, line: error.lines }),
    };
  }
};
