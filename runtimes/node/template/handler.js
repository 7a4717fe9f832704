'use strict';

// {{name}}: answers with a greeting. `event` is the HTTP request, `context` knows the call and its deadline.
exports.handler = async (event, context) => {
  const { name = 'world' } = event.queryStringParameters || {};
  return {
    statusCode: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `Hello, ${name}!\n`,
  };
};
