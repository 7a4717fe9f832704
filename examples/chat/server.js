'use strict';
// A chat room: an ordinary HTTP server with WebSockets. In `http` mode Hearth only passes connections on.

const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const { accept } = require('./websocket.js');

const page = fs.readFileSync(path.join(__dirname, 'index.html'));
const people = new Set();

function tellAll(message) {
  const text = JSON.stringify({ time: new Date().toISOString(), ...message });
  for (const person of people) person.send(text);
}

const server = http.createServer((request, response) => {
  if (request.url === '/health') {
    response.end('ok\n');
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page);
});

server.on('upgrade', (request, socket) => {
  const connection = accept(request, socket);
  if (!connection) return;
  const name = new URL(request.url, 'http://chat').searchParams.get('name') || 'somebody';
  people.add(connection);
  tellAll({ from: 'room', text: `${name} is here`, people: people.size });
  connection.on('message', (text) => tellAll({ from: name, text }));
  connection.on('close', () => {
    people.delete(connection);
    tellAll({ from: 'room', text: `${name} has left`, people: people.size });
  });
});

server.listen(Number(process.env.PORT || 3000), '127.0.0.1');

process.on('SIGTERM', () => {
  for (const person of people) person.close(1001);
  server.close(() => process.exit(0));
});
