'use strict';
// The function that every language has for the tests: it does what the query parameter `op` says.

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const operations = {
  echo: (event) => ({
    method: event.requestContext.http.method,
    path: event.rawPath,
    rawQuery: event.rawQueryString,
    query: event.queryStringParameters || {},
    cookies: event.cookies || [],
    header: event.headers['x-test'] || '',
    body: event.body || '',
    base64: event.isBase64Encoded,
  }),
  string: () => 'plain wörds',
  number: () => 42,
  null: () => null,
  list: () => [1, 'two', null],
  full: () => ({
    statusCode: 418,
    headers: { 'content-type': 'text/html', 'x-test': 'yes' },
    cookies: ['a=1; Path=/', 'b=2'],
    body: '<p>é</p>',
  }),
  binary: () => ({
    statusCode: 200,
    headers: { 'content-type': 'image/x-test' },
    body: Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('base64'),
    isBase64Encoded: true,
  }),
  decode: (event) => {
    const data = Buffer.from(event.body, 'base64');
    return { length: data.length, sum: data.reduce((sum, byte) => sum + byte, 0) };
  },
  fail: function fail() {
    throw new RangeError('went wrong');
  },
  context: (event, context) => ({
    id: Boolean(context.awsRequestId),
    name: context.functionName,
    arn: context.invokedFunctionArn,
    memory: context.memoryLimitInMB,
    remaining: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 20000,
    trace: process.env._X_AMZN_TRACE_ID || '',
  }),
  log: () => {
    console.log('to stdout');
    console.error('to stderr');
    return 'logged';
  },
  sleep: async () => {
    await wait(500);
    return 'slept';
  },
  exit: () => process.exit(3),
  stream: async function* stream() {
    yield { statusCode: 201, headers: { 'content-type': 'text/event-stream', 'x-test': 'yes' }, cookies: ['a=1'] };
    for (const word of ['one\n', 'two\n', 'three\n']) {
      yield word;
      await wait(50);
    }
  },
  stream_fail: async function* streamFail() {
    yield 'one\n';
    throw new Error('went wrong later');
  },
};

exports.handler = async (event, context) => {
  const op = (event.queryStringParameters || {}).op || 'echo';
  return operations[op](event, context);
};

exports.raw = async (event) => ({ got: event });

exports.unserializable = async () => {
  const value = {};
  value.self = value;
  return value;
};

exports.bytes = async () => Buffer.from([0, 1, 255]);

exports.generator = async function* generator() {
  yield 'one\n';
  yield 'two\n';
};

exports.callback = (event, context, callback) => {
  setTimeout(() => callback(null, { style: 'callback' }), 10);
};

exports.callbackError = (event, context, callback) => {
  setTimeout(() => callback(new TypeError('called back')), 10);
};

exports.promise = (event, context, callback) => Promise.resolve({ style: 'promise' });

exports.plain = () => ({ style: 'plain' });

exports.succeed = (event, context, callback) => context.succeed({ style: 'succeed' });

exports.rejectsString = async () => Promise.reject('only words');

exports.never = () => new Promise(() => {});

exports.throwsLater = () => new Promise(() => {
  setImmediate(() => {
    throw new Error('outside of any promise');
  });
});

exports.unhandled = () => new Promise(() => {
  Promise.reject(new Error('nobody listens'));
});

exports.streamify = awslambda.streamifyResponse(async (event, stream) => {
  const http = awslambda.HttpResponseStream.from(stream, {
    statusCode: 203, headers: { 'content-type': 'text/x-test' }, cookies: ['c=3'],
  });
  http.write('one\n');
  await wait(20);
  http.write(Buffer.from('two\n'));
  http.end('three\n');
});

exports.streamifyPlain = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/csv');
  stream.write('a,b\n');
  stream.end();
});

exports.streamifyFail = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('one\n');
  await wait(20);
  throw new Error('went wrong later');
});

exports.streamifyLarge = awslambda.streamifyResponse(async (event, stream) => {
  const { pipeline } = require('node:stream/promises');
  const { Readable } = require('node:stream');
  const block = Buffer.alloc(65536, 'x');
  await pipeline(Readable.from((function* blocks() {
    for (let i = 0; i < 64; i++) yield block;
  })()), stream);
});
