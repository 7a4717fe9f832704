'use strict';
// Run with: npm test. A handler is a plain function: call it.
const assert = require('node:assert');
const test = require('node:test');
const { handler } = require('./handler.js');

test('greets by name', async () => {
  const answer = await handler({ queryStringParameters: { name: 'Ada' } });
  assert.strictEqual(answer.statusCode, 200);
  assert.strictEqual(answer.body, 'Hello, Ada!\n');
});
