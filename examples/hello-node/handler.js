'use strict';

exports.handler = async (event, context) => {
  const { name = 'world' } = event.queryStringParameters || {};
  console.log(`Greeting ${name}; ${context.getRemainingTimeInMillis()} ms are left`);
  return `Hello, ${name}! This is node.\n`;
};
