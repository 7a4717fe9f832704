'use strict';
// The server's side of RFC 6455, text messages only: enough for a chat, without a dependency.

const crypto = require('node:crypto');
const { EventEmitter } = require('node:events');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_MESSAGE = 64 * 1024;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

class Connection extends EventEmitter {
  constructor(socket) {
    super();
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.message = [];
    socket.setNoDelay(true);
    socket.on('data', (data) => this.received(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.emit('close'));
  }

  send(text) {
    this.frame(TEXT, Buffer.from(text));
  }

  close(code) {
    const reason = Buffer.alloc(2);
    reason.writeUInt16BE(code);
    this.frame(CLOSE, reason);
    this.socket.end();
  }

  frame(opcode, data) {
    if (!this.socket.writable) return;
    let head;
    if (data.length < 126) {
      head = Buffer.from([0x80 | opcode, data.length]);
    } else {
      head = Buffer.from([0x80 | opcode, 126, data.length >> 8, data.length & 255]);
    }
    this.socket.write(Buffer.concat([head, data]));
  }

  received(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (let frame = this.nextFrame(); frame; frame = this.nextFrame()) this.handle(frame);
  }

  nextFrame() {
    const { buffer } = this;
    if (buffer.length < 2) return null;
    let length = buffer[1] & 127;
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return null;
      length = buffer.readUInt16BE(2);
      at = 4;
    }
    if (length === 127 || length > MAX_MESSAGE || !(buffer[1] & 128)) {
      this.close(length >= 127 ? 1009 : 1002);
      this.buffer = Buffer.alloc(0);
      return null;
    }
    if (buffer.length < at + 4 + length) return null;
    const mask = buffer.subarray(at, at + 4);
    const data = Buffer.from(buffer.subarray(at + 4, at + 4 + length));
    for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3];
    this.buffer = buffer.subarray(at + 4 + length);
    return { last: Boolean(buffer[0] & 128), opcode: buffer[0] & 15, data };
  }

  handle({ last, opcode, data }) {
    if (opcode === PING) {
      this.frame(PONG, data);
    } else if (opcode === CLOSE) {
      this.frame(CLOSE, data.subarray(0, 2));
      this.socket.end();
    } else if (opcode !== PONG) {
      this.message.push(data);
      if (this.message.reduce((sum, part) => sum + part.length, 0) > MAX_MESSAGE) {
        this.close(1009);
      } else if (last) {
        this.emit('message', Buffer.concat(this.message.splice(0)).toString());
      }
    }
  }
}

// Answers the upgrade; null where it is no WebSocket.
function accept(request, socket) {
  const key = request.headers['sec-websocket-key'];
  if ((request.headers.upgrade || '').toLowerCase() !== 'websocket' || !key) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    return null;
  }
  const proof = crypto.createHash('sha1').update(key + GUID).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${proof}\r\n\r\n`);
  return new Connection(socket);
}

module.exports = { accept };
