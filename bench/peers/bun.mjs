// uWebSockets as Bun brings it, with its own topics: sends what one client sends to all.
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('a WebSocket is expected', { status: 426 })),
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    open: (socket) => socket.subscribe('all'),
    message: (_, data) => server.publish('all', data)
  }
})
