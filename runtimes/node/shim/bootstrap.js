'use strict';
// Hearth's Node.js client of the Lambda Runtime API: the path every invocation takes. It speaks HTTP on a plain
// socket, because `http` and `fetch` cost more to load than all of this file. Streams are in streams.js.

const net = require('node:net');
const path = require('node:path');

const API = '/2018-06-01/runtime/';
const JSON_TYPE = 'application/json';
const TYPE_HEADER = 'Lambda-Runtime-Function-Error-Type';
const BODY_HEADER = 'Lambda-Runtime-Function-Error-Body';

// One keep-alive connection, one request at a time.
class Connection {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    this.port = Number(address.slice(colon + 1));
    this.socket = null;
    this.pending = null;
    this.parts = [];
    this.size = 0;
  }

  open() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    this.socket = socket;
    this.parts = [];
    this.size = 0;
    socket.on('data', (data) => this.received(data));
    const gone = (error) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (this.pending) this.settle('reject', error || new Error('the Runtime API closed the connection'));
    };
    socket.on('error', gone);
    socket.on('close', () => gone());
  }

  settle(how, value) {
    const pending = this.pending;
    this.pending = null;
    // While user code runs, an idle connection keeps no process alive: a handler that can never answer is found out.
    if (this.socket) this.socket.unref();
    pending[how](value);
  }

  head(method, target, headers) {
    let text = `${method} ${API}${target} HTTP/1.1\r\nHost: ${this.host}:${this.port}\r\n`;
    for (const name of Object.keys(headers)) text += `${name}: ${headers[name]}\r\n`;
    return text + '\r\n';
  }

  // Resolves with { status, headers, body }. A kept connection that turns out to be closed is replaced once.
  async request(method, target, headers = {}, body = null) {
    if (method === 'POST') headers = { ...headers, 'Content-Length': body.length };
    const fresh = this.socket === null;
    try {
      return await this.exchange(this.head(method, target, headers), body);
    } catch (error) {
      if (fresh) throw error;
      return this.exchange(this.head(method, target, headers), body);
    }
  }

  exchange(head, body) {
    if (this.socket === null) this.open();
    const answer = this.answer();
    this.socket.cork();
    this.socket.write(head, 'latin1');
    if (body !== null && body.length > 0) this.socket.write(body);
    this.socket.uncork();
    return answer;
  }

  answer() {
    this.socket.ref();
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
    });
  }

  received(data) {
    this.parts.push(data);
    this.size += data.length;
    if (!this.pending || this.size < this.needed) return;
    const buffer = this.parts.length === 1 ? data : Buffer.concat(this.parts);
    const parsed = parseAnswer(buffer);
    if (parsed.end > buffer.length) {
      this.needed = parsed.end;
      this.parts = [buffer];
      return;
    }
    this.needed = 0;
    const rest = buffer.subarray(parsed.end);
    this.parts = rest.length ? [rest] : [];
    this.size = rest.length;
    this.settle('resolve', parsed.answer);
  }
}
Connection.prototype.needed = 0;

// { end, answer }: `end` past the buffer means that at least so many bytes are needed.
function parseAnswer(buffer) {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return { end: buffer.length + 1 };
  const lines = buffer.latin1Slice(0, headEnd).split('\r\n');
  const headers = {};
  for (let i = 1; i < lines.length; i++) {
    const colon = lines[i].indexOf(':');
    headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
  }
  const status = Number(lines[0].split(' ', 2)[1]);
  const start = headEnd + 4;
  if ((headers['transfer-encoding'] || '').includes('chunked')) {
    const { end, body } = parseChunks(buffer, start);
    return { end, answer: { status, headers, body } };
  }
  const end = start + Number(headers['content-length'] || 0);
  return { end, answer: { status, headers, body: buffer.subarray(start, end) } };
}

function parseChunks(buffer, at) {
  const parts = [];
  for (;;) {
    const line = buffer.indexOf('\r\n', at);
    if (line < 0) return { end: buffer.length + 1 };
    const size = parseInt(buffer.latin1Slice(at, line), 16);
    if (size === 0) {
      const end = buffer.indexOf('\r\n\r\n', line);
      return end < 0 ? { end: buffer.length + 1 } : { end: end + 4, body: Buffer.concat(parts) };
    }
    at = line + 2 + size + 2;
    if (at > buffer.length) return { end: at };
    parts.push(buffer.subarray(line + 2, line + 2 + size));
  }
}

class InitError extends Error {
  constructor(kind, message, cause) {
    super(message);
    this.kind = kind;
    this.cause = cause;
  }
}

// The error as the JSON that its caller gets, without the frames of this client.
function describe(error, kind) {
  if (!(error instanceof Error) && !(error && typeof error === 'object' && 'message' in error)) {
    return { errorMessage: String(error), errorType: kind || typeof error, stackTrace: [] };
  }
  const stack = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  return {
    errorMessage: String(error.message),
    errorType: kind || error.name || 'Error',
    stackTrace: stack
      .filter((line) => /^\s+at /.test(line) && !line.includes(__dirname + path.sep) && !line.includes('(node:'))
      .map((line) => line.trim()),
  };
}

function log(description) {
  console.error([`${description.errorType}: ${description.errorMessage}`,
    ...description.stackTrace.map((line) => `    ${line}`)].join('\n'));
}

function headerType(kind) {
  return /^(Runtime|Function)\./.test(kind) ? kind : `Function.${kind.replace(/[^\w.]/g, '')}`;
}

function report(connection, target, description) {
  log(description);
  return connection.request('POST', target,
    { 'Content-Type': JSON_TYPE, [TYPE_HEADER]: headerType(description.errorType) },
    Buffer.from(JSON.stringify(description)));
}

// What AWS's client gives a handler as its second argument.
class Context {
  constructor(headers) {
    const env = process.env;
    this.awsRequestId = headers['lambda-runtime-aws-request-id'] || '';
    this.deadlineMs = Number(headers['lambda-runtime-deadline-ms'] || 0);
    this.invokedFunctionArn = headers['lambda-runtime-invoked-function-arn'] || '';
    this.functionName = env.AWS_LAMBDA_FUNCTION_NAME || '';
    this.functionVersion = env.AWS_LAMBDA_FUNCTION_VERSION || '';
    this.memoryLimitInMB = env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '';
    this.logGroupName = env.AWS_LAMBDA_LOG_GROUP_NAME || '';
    this.logStreamName = env.AWS_LAMBDA_LOG_STREAM_NAME || '';
    this.clientContext = optionalJson(headers['lambda-runtime-client-context']);
    this.identity = optionalJson(headers['lambda-runtime-cognito-identity']);
    this.callbackWaitsForEmptyEventLoop = true;
  }

  getRemainingTimeInMillis() {
    return Math.max(0, this.deadlineMs - Date.now());
  }
}

function optionalJson(text) {
  return text ? JSON.parse(text) : undefined;
}

// Calls a handler of any style: it returns a promise, calls back, or simply returns its result. A handler that
// takes three parameters and returns no promise is going to call back.
function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => {
      if (error !== null && error !== undefined) reject(error);
      else resolve(result);
    };
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error || new Error('context.fail was called'));
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
}

// A handler's result as [content type, bytes]. Bytes go out as they are; a response object may have a body of
// bytes.
function encode(result) {
  if (result instanceof Uint8Array) return ['application/octet-stream', result];
  if (result && result.body instanceof Uint8Array) {
    result = { ...result, body: Buffer.from(result.body).toString('base64'), isBase64Encoded: true };
  }
  const text = JSON.stringify(result === undefined ? null : result);
  if (text === undefined) throw new TypeError(`a ${typeof result} is no JSON value`);
  return [JSON_TYPE, Buffer.from(text)];
}

function isStream(result) {
  return result !== null && typeof result === 'object' &&
    (typeof result[Symbol.asyncIterator] === 'function' || typeof result.next === 'function');
}

// Invocations that user code has in hand, for errors that no promise carries.
const running = new Map();

async function serveOne(connection, handler) {
  const { status, headers, body } = await connection.request('GET', 'invocation/next');
  if (status !== 200) throw new Error(`the Runtime API answered ${status} to next: ${body.latin1Slice(0, 200)}`);
  const id = headers['lambda-runtime-aws-request-id'];
  const target = `invocation/${id}`;
  if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  let event, context;
  try {
    const isJson = (headers['content-type'] || JSON_TYPE).startsWith(JSON_TYPE);
    event = isJson ? JSON.parse(body.utf8Slice(0, body.length)) : Buffer.from(body);
    context = new Context(headers);
  } catch (error) {
    await report(connection, `${target}/error`, describe(error, 'Runtime.UnmarshalError'));
    return;
  }
  running.set(id, connection);
  try {
    if (handler[STREAMING]) {
      await require('./streams.js').serve(connection, target, handler, event, context);
      return;
    }
    const result = await call(handler, event, context);
    if (isStream(result)) {
      await require('./streams.js').sendIterator(connection, target, result);
      return;
    }
    let type, data;
    try {
      [type, data] = encode(result);
    } catch (error) {
      await report(connection, `${target}/error`, describe(error, 'Runtime.MarshalError'));
      return;
    }
    const answer = await connection.request('POST', `${target}/response`, { 'Content-Type': type }, data);
    if (answer.status >= 300) {
      console.error(`the Runtime API refused the answer of ${id}: ${answer.status} ${answer.body}`);
    }
  } catch (error) {
    if (error instanceof ConnectionLost) throw error;
    await report(connection, `${target}/error`, describe(error));
  } finally {
    running.delete(id);
  }
}

class ConnectionLost extends Error {}

const STREAMING = Symbol('hearth.streaming');

// AWS's global of the same name.
globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = true;
    return handler;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setHead(metadata);
      return stream;
    },
  },
};

// FILE.FUNCTION or FOLDER/FILE.FUNCTION; FUNCTION may be a path inside the exports (`routes.list`).
async function load(name) {
  const match = /^(.*?\/)?([^/.]+)\.(.+)$/.exec(name);
  if (!match) {
    throw new InitError('Runtime.MalformedHandlerName',
      `bad handler '${name}': write it as file.function, for example handler.handler`);
  }
  const base = path.resolve(process.cwd(), (match[1] || '') + match[2]);
  let handler = await loadModule(base, name);
  for (const part of match[3].split('.')) handler = handler === undefined || handler === null ? undefined : handler[part];
  if (handler === undefined && match[3] === 'default') handler = undefined;
  if (typeof handler !== 'function') {
    throw new InitError('Runtime.HandlerNotFound', `'${match[3]}' is not a function exported by ${match[2]}`);
  }
  return handler;
}

async function loadModule(base, name) {
  const fs = require('node:fs');
  const file = ['.js', '.mjs', '.cjs'].map((extension) => base + extension).find((candidate) => fs.existsSync(candidate));
  if (!file) {
    throw new InitError('Runtime.ImportModuleError',
      `handler '${name}': there is no ${path.basename(base)}.js, .mjs or .cjs`);
  }
  try {
    if (!file.endsWith('.mjs')) {
      try {
        return require(file);
      } catch (error) {
        const isModule = error.code === 'ERR_REQUIRE_ESM' || error.code === 'ERR_REQUIRE_ASYNC_MODULE';
        if (!isModule) throw error;
      }
    }
    const loaded = await import(require('node:url').pathToFileURL(file).href);
    return loaded.default && typeof loaded.default === 'object' ? { ...loaded.default, ...loaded } : loaded;
  } catch (error) {
    if (error instanceof SyntaxError) throw new InitError('Runtime.UserCodeSyntaxError', syntaxMessage(error), error);
    if (error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new InitError('Runtime.ImportModuleError', error.message.split('\n')[0], error);
    }
    throw error;
  }
}

// V8 puts the place of a syntax error in front of its stack.
function syntaxMessage(error) {
  const place = String(error.stack).split('\n')[0];
  return place.includes(error.message) ? error.message : `${error.message} at ${place}`;
}

// An error outside every promise of a handler: the state of the process is unknown, so it ends after saying so.
function onUncaught(kind) {
  return async (error) => {
    const description = describe(error, kind);
    try {
      if (running.size === 0) log(description);
      // The connection is idle while user code runs; one that is in use is answered by the process's end.
      for (const [id, connection] of running) {
        if (!connection.pending) await report(connection, `invocation/${id}/error`, description);
      }
    } finally {
      process.exit(1);
    }
  };
}

function onNothingLeft() {
  for (const [id, connection] of running) {
    running.delete(id);
    report(connection, `invocation/${id}/error`, describe(
      new Error('the handler never answered: nothing is left that could call back or settle its promise'),
      'Runtime.NoResponse')).then(() => process.exit(1), () => process.exit(1));
  }
}

async function main() {
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  if (!address) {
    console.error('AWS_LAMBDA_RUNTIME_API is not set: this program is started by hearth-watchdog');
    process.exit(1);
  }
  const first = new Connection(address);
  let handler;
  try {
    handler = await load(process.env._HANDLER || 'handler.handler');
  } catch (error) {
    const description = describe(error.cause || error, error.kind);
    description.errorMessage = String(error && error.message !== undefined ? error.message : error);
    await report(first, 'init/error', description);
    process.exit(1);
  }
  process.on('uncaughtException', onUncaught());
  process.on('unhandledRejection', onUncaught('Runtime.UnhandledPromiseRejection'));
  process.on('beforeExit', onNothingLeft);
  const parallel = Math.max(1, Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY) || 1);
  const serve = async (connection) => {
    try {
      for (;;) await serveOne(connection, handler);
    } catch (error) {
      console.error(String(error && error.stack || error));
      process.exit(1);
    }
  };
  serve(first);
  for (let i = 1; i < parallel; i++) serve(new Connection(address));
}

module.exports = { describe, headerType, log, report, TYPE_HEADER, BODY_HEADER };

main();
