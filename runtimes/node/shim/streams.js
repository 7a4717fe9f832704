'use strict';
// Streamed answers, loaded with the first function that streams.

const { once } = require('node:events');
const { Writable } = require('node:stream');
const { describe, headerType, log, report, TYPE_HEADER, BODY_HEADER } = module.parent.exports;

const HTTP_STREAM = 'application/vnd.awslambda.http-integration-response';

// What a streaming handler writes into. The head goes out with the first byte, so until then a failure is an
// ordinary error.
class ResponseStream extends Writable {
  constructor(connection, target) {
    super({ decodeStrings: true });
    this.connection = connection;
    this.target = target;
    this.contentType = null;
    this.prelude = null;
    this.started = false;
    this.lost = false;
  }

  setHead(metadata) {
    if (this.started) throw new Error('the head of the answer is already sent');
    this.prelude = { statusCode: 200, ...metadata };
  }

  setContentType(type) {
    this.contentType = type;
  }

  start(guessedType) {
    if (this.started) return;
    this.started = true;
    const { connection } = this;
    if (connection.socket === null) connection.open();
    connection.socket.ref();
    connection.socket.write(connection.head('POST', `${this.target}/response`, {
      'Content-Type': this.prelude ? HTTP_STREAM : this.contentType || guessedType || 'application/octet-stream',
      'Transfer-Encoding': 'chunked',
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: `${TYPE_HEADER}, ${BODY_HEADER}`,
    }), 'latin1');
    if (this.prelude) this.frame(Buffer.from(JSON.stringify(this.prelude) + '\0'.repeat(8)));
  }

  frame(data) {
    const { socket } = this.connection;
    if (socket === null || socket.destroyed) {
      this.lost = true;
      return true;
    }
    socket.cork();
    socket.write(data.length.toString(16) + '\r\n', 'latin1');
    socket.write(data);
    const more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  _write(data, encoding, done) {
    this.start();
    if (data.length === 0 || this.frame(data)) {
      done(this.lost ? new Error('the caller went away') : null);
      return;
    }
    const { socket } = this.connection;
    const resume = () => {
      socket.off('drain', resume);
      socket.off('close', resume);
      done(null);
    };
    socket.on('drain', resume);
    socket.on('close', resume);
  }

  // Ends the answer; with the error that cut it short in its trailers.
  async conclude(error) {
    this.start();
    const { socket } = this.connection;
    if (socket === null || socket.destroyed) return;
    let trailers = '';
    if (error) {
      const description = describe(error);
      log(description);
      const body = Buffer.from(JSON.stringify(description)).toString('base64');
      trailers = `${TYPE_HEADER}: ${headerType(description.errorType)}\r\n${BODY_HEADER}: ${body}\r\n`;
    }
    const answer = this.connection.answer();
    socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    // A platform that hung up because the caller did is no reason to lose this process.
    await answer.catch((lost) => console.error(`a stream was cut off: ${lost.message}`));
  }
}

// A handler made by awslambda.streamifyResponse.
async function serve(connection, target, handler, event, context) {
  const stream = new ResponseStream(connection, target);
  const finished = new Promise((resolve) => stream.once('finish', resolve).once('error', resolve).once('close', resolve));
  try {
    await handler(event, stream, context);
    if (!stream.writableEnded) stream.end();
    await finished;
  } catch (error) {
    if (!stream.started) {
      await report(connection, `${target}/error`, describe(error));
      return;
    }
    await stream.conclude(error);
    return;
  }
  await stream.conclude();
}

function chunk(item) {
  if (typeof item === 'string' || item instanceof Uint8Array) return item;
  return JSON.stringify(item) + '\n';
}

function guess(item) {
  if (typeof item === 'string') return 'text/plain; charset=utf-8';
  return item instanceof Uint8Array ? 'application/octet-stream' : 'application/x-ndjson';
}

// What a handler that is a generator yields. A first item that is an object with statusCode, headers or cookies
// is the head of the answer.
async function sendIterator(connection, target, items) {
  const stream = new ResponseStream(connection, target);
  stream.on('error', () => {});
  let first = true;
  try {
    for await (const item of items[Symbol.asyncIterator] || items[Symbol.iterator] ? items : { [Symbol.iterator]: () => items }) {
      const isHead = first && item !== null && typeof item === 'object' && !(item instanceof Uint8Array) &&
        ('statusCode' in item || 'headers' in item || 'cookies' in item);
      if (isHead) stream.setHead(item);
      else if (first) stream.setContentType(guess(item));
      first = false;
      if (isHead) {
        stream.start();
        continue;
      }
      if (!stream.write(chunk(item)) && !stream.destroyed) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
      if (stream.lost) break;
    }
  } catch (error) {
    if (!stream.started) {
      await report(connection, `${target}/error`, describe(error));
      return;
    }
    await stream.conclude(error);
    return;
  }
  if (first) stream.setContentType('text/plain; charset=utf-8');
  await stream.conclude();
}

module.exports = { serve, sendIterator };
