// What the tests of this folder stand on: a database with two tenants, a gateway of its own, and the stock clients.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import crypto from 'node:crypto'
import net from 'node:net'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RealtimeClient } from '@supabase/realtime-js'
import ws from 'ws'

export { assert, sleep, ws, RealtimeClient }
export const secret = 'a-secret-of-the-tests-with-more-than-32-bytes'
export const tenants = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
export const users = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
export function token(claims, key = secret) {
  const text = part({ alg: 'HS256', typ: 'JWT' }) + '.' + part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
  return text + '.' + crypto.createHmac('sha256', key).update(text).digest('base64url')
}
export const anonymous = token({ role: 'anon' })
export const member = (index) => token({ role: 'authenticated', sub: users[index] })

const patience = 20_000 * Number(process.env.E2E_PATIENCE ?? 1)

// Waits until `condition` gives something, which is returned. `more` says what else to show when it never does.
export async function until(condition, what, more = () => '') {
  const end = Date.now() + patience
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) assert.fail(`in vain: ${what} ${await more()}`)
    await sleep(10)
  }
}

let databases = 0
const open = new Set()
process.on('exit', () => { for (const stage of open) stage.process?.kill('SIGKILL') })
// A test that failed may leave sockets and gateways, which would keep this process, and with it the whole run, for ever.
after(() => { setTimeout(() => process.exit(), 2000).unref() })

export class Stage {
  // `host` is where the gateway finds the server, when not where the tests do; `schema` is one of the extension's own.
  static async start(options = {}, { host, schema } = {}) {
    const stage = new Stage()
    stage.schema = schema
    stage.host = host ? ` host=${host}` : ''
    stage.database = `e2e_${process.pid}_${++databases}`
    stage.options = options
    execFileSync('psql', ['-X', '-q', '-d', 'postgres', '-c', `CREATE DATABASE ${stage.database}`])
    stage.sql(`SET client_min_messages = warning;
      ${schema ? `CREATE SCHEMA ${schema}; CREATE EXTENSION pg_realtime SCHEMA ${schema}` : 'CREATE EXTENSION pg_realtime'};
      DO $$ BEGIN CREATE ROLE e2e_gateway LOGIN REPLICATION; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      GRANT realtime_gateway, realtime_reader, realtime_writer TO e2e_gateway;
      CREATE TABLE orders (tenant_id uuid NOT NULL, id bigint NOT NULL, status text, total numeric, note text, PRIMARY KEY (tenant_id, id));
      CREATE TABLE plans (id int PRIMARY KEY, name text);
      CREATE TABLE secrets (id int PRIMARY KEY, tenant_id uuid);
      GRANT SELECT ON orders, plans TO realtime_writer;
      ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON orders FOR SELECT USING (tenant_id = ANY (realtime_tenant_ids()));
      SELECT realtime_add_table('orders'); SELECT realtime_add_table('plans', access => 'public');
      INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('${tenants[0]}', '${users[0]}'), ('${tenants[1]}', '${users[1]}');`)
    open.add(stage)
    await stage.startGateway()
    return stage
  }

  async startGateway(port = this.port ?? 0) {
    this.log = ''
    const settings = { 'listen': `127.0.0.1:${port}`, 'slot': this.database, 'report-interval': 0, 'log-level': 'debug', ...this.options }
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    this.process = spawn(process.env.PG_REALTIMED, ['--database-url', `dbname=${this.database} user=e2e_gateway${this.host}`, ...flags],
      { env: { ...process.env, PG_REALTIMED_JWT_SECRET: secret }, stdio: ['ignore', 'ignore', 'pipe'] })
    this.process.stderr.on('data', (text) => { this.log += text })
    this.ended = new Promise((resolve) => this.process.on('exit', (code, signal) => resolve(signal ?? code)))
    const found = await until(() => /listening on 127\.0\.0\.1:(\d+)/.exec(this.log) ?? (this.process.exitCode !== null && [this.log]), 'gateway listens')
    assert.ok(found[1], `the gateway did not start: ${this.log}`)
    this.port = Number(found[1])
    await until(async () => (await this.get('/readyz')).status === 200, 'gateway is ready', async () => `${await (await this.get('/readyz')).text()} ${this.log.slice(-3000)}`)
  }

  async stopGateway(signal = 'SIGTERM') {
    this.process.kill(signal)
    return await this.ended
  }

  async stop() {
    const result = await this.stopGateway()
    open.delete(this)
    assert.equal(result, 0, `the gateway ended with ${result}: ${this.log}`)
    await until(() => {
      try {
        execFileSync('psql', ['-X', '-q', '-d', this.database, '-c', `SELECT pg_drop_replication_slot('${this.database}')`], { stdio: 'ignore' })
        return true
      } catch { return false }
    }, 'slot is free')
    execFileSync('psql', ['-X', '-q', '-d', 'postgres', '-c', `DROP DATABASE ${this.database} WITH (FORCE)`])
  }

  sql(text) {
    if (this.schema) text = `SET search_path = public, ${this.schema};\n${text}`
    return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', this.database, '-f', '-'], { input: text, encoding: 'utf8' }).trim()
  }

  get url() { return `http://127.0.0.1:${this.port}` }
  get(path, bearer) { return fetch(this.url + path, { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} }) }
  post(path, body, bearer, headers = {}) {
    return fetch(this.url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), ...headers } })
  }

  async metric(name) {
    return (await this.metrics([name]))[0]
  }

  // Several with one request, of which there may be only so many a second.
  async metrics(names) {
    const answer = await until(async () => { const one = await this.get('/metrics'); return one.status !== 429 && one }, 'figures')
    assert.equal(answer.status, 200)
    const text = await answer.text()
    return names.map((name) => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]))
  }

  // A stock client. `user` is the index of a member, or null for an anonymous one.
  async client(user, { vsn = '2.0.0', library = RealtimeClient, ...options } = {}) {
    const client = new library(`ws://127.0.0.1:${this.port}/realtime/v1`, { params: { apikey: anonymous }, vsn, transport: ws, ...options })
    if (user !== null) await client.setAuth(member(user))
    return client
  }

  // A channel with postgres_changes; resolves when it is live. What comes is kept in .events, .system, .status.
  async subscribe(client, bindings, { topic = 'changes', config = {}, wait = true } = {}) {
    const channel = client.channel(topic, { config })
    channel.events = []
    channel.system = []
    channel.status = []
    for (const binding of bindings) {
      channel.on('postgres_changes', { schema: 'public', ...binding }, (event) => channel.events.push(event))
    }
    channel.on('system', {}, (event) => channel.system.push(event))
    channel.subscribe((status, error) => channel.status.push([status, error?.message]))
    if (wait) await until(() => channel.system.some((event) => event.message === 'Subscribed to PostgreSQL'), 'channel is live')
    return channel
  }
}

// A client that speaks the protocol itself, for what the stock client never does.
export async function rawSocket(stage, { vsn = '2.0.0', apikey = anonymous, query = '', from = undefined } = {}) {
  const socket = new ws(`ws://127.0.0.1:${stage.port}/realtime/v1/websocket?apikey=${apikey}&vsn=${vsn}${query}`, { localAddress: from })
  socket.messages = []
  socket.on('message', (data, binary) => socket.messages.push(binary ? data : JSON.parse(data.toString())))
  socket.closed = new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })))
  socket.on('error', () => {})
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject) })
  socket.push = (...message) => socket.send(JSON.stringify(message))
  socket.find = (event, what = () => true) => until(() => socket.messages.find((m) => m[3] === event && what(m)), `message ${event}`)
  return socket
}

// A raw connection whose channel "realtime:a" is joined.
export async function joined(stage, more) {
  const socket = await rawSocket(stage, more)
  socket.push('1', '1', 'realtime:a', 'phx_join', { config: {} })
  assert.equal((await socket.find('phx_reply'))[4].status, 'ok')
  return socket
}

// A TCP connection, from another address of this machine where that is to count. What comes is in .text, and the whole of it in .ended.
export function connect(stage, bytes = '', from = undefined) {
  const socket = net.connect({ port: stage.port, host: '127.0.0.1', localAddress: from })
  socket.text = ''
  socket.on('connect', () => { if (bytes) socket.write(bytes) })
  socket.on('data', (data) => { socket.text += data.toString('latin1') })
  socket.on('error', () => {})
  socket.ended = new Promise((resolve) => socket.on('close', () => resolve(socket.text)))
  return socket
}
export const request = (path, ...headers) => `GET ${path} HTTP/1.1\r\n${['Host: x', ...headers].join('\r\n')}\r\n\r\n`

// Holds a table, at the latest until the test ends, so that a request for it takes as long as it may. The result lets it go.
export async function lock(stage, table, context) {
  const session = spawn('psql', ['-X', '-q', '-A', '-t', '-d', stage.database], { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => session.kill())
  let said = ''
  session.stdout.on('data', (text) => { said += text })
  const ended = new Promise((resolve) => session.on('exit', resolve))
  session.stdin.write(`BEGIN; LOCK TABLE ${table}; SELECT 'held';\n`)
  await until(() => said.includes('held'), `${table} is locked`)
  return async () => { session.stdin.end('COMMIT;\n'); await ended }
}
