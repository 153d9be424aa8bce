// What one would write instead of the gateway: wal2json, a reader of the slot, and a WebSocket server that sends the changes of a
// tenant to its members. In node with ws, in Bun with uWebSockets. It does not check tokens and keeps no history.
//
// usage: bridge.mjs PORT DATABASE SLOT TENANTS
import { LogicalReplicationService, Wal2JsonPlugin } from 'pg-logical-replication'

const [port, database, slot, tenants] = [Number(process.argv[2]), process.argv[3], process.argv[4], Number(process.argv[5])]

// The last part of the token's subject is the number of the user, who is a member of one tenant.
function tenantOf(url) {
  const token = new URL(url, 'http://localhost').searchParams.get('apikey')
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
  return `00000000-0000-4000-8000-${String(Number(sub.slice(24)) % tenants).padStart(12, '0')}`
}

let publish
if (globalThis.Bun) {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    fetch: (request, self) => self.upgrade(request, { data: tenantOf(request.url) }),
    websocket: { idleTimeout: 0, open: (socket) => socket.subscribe(socket.data), message: () => {} }
  })
  publish = (tenant, text) => server.publish(tenant, text)
} else {
  const { WebSocketServer } = await import('ws')
  const members = new Map()
  const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false })
  server.on('connection', (socket, request) => {
    const tenant = tenantOf(request.url)
    if (!members.has(tenant)) members.set(tenant, new Set())
    members.get(tenant).add(socket)
    socket.on('close', () => members.get(tenant).delete(socket))
  })
  publish = (tenant, text) => { for (const socket of members.get(tenant) ?? []) socket.send(text) }
}

const reader = new LogicalReplicationService({ host: process.env.PGHOST, port: Number(process.env.PGPORT), user: process.env.PGUSER, database })
reader.on('data', (_, change) => {
  if (change.action !== 'I') return
  const record = Object.fromEntries(change.columns.map(({ name, value }) => [name, value]))
  publish(record.tenant_id, JSON.stringify({ type: 'INSERT', schema: change.schema, table: change.table, record }))
})
reader.on('error', (error) => { console.error(error); process.exit(1) })
await reader.subscribe(new Wal2JsonPlugin({ formatVersion: '2', includeTransaction: false }), slot)
