// What one client may cost all others: patterns of filters, answers that nobody takes, files of the dashboard.
import { test } from 'node:test'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { Stage, assert, connect, member, rawSocket, request, sleep, tenants, until } from './support.mjs'

const withStage = (settings, body) => async (context) => { const stage = await Stage.start(settings); try { await body(stage, context) } finally { await stage.stop() } }

test('patterns that take long cost their own address its answers, and others no time', withStage({ 'proxies': '127.0.0.9', 'joins-per-second': 1000 }, async (stage) => {
  const filters = (socket) => Array.from({ length: 95 }, (_, binding) => ({
    event: '*', schema: 'public', table: 'plans',
    filter: Array.from({ length: 5 }, (_, pattern) => `name=match.([a-z0-9]+ ?){20}Q${socket}q${binding}q${pattern}`).join(','),
  }))
  const hostile = []
  for (let index = 0; index < 10; ++index) {
    const socket = await rawSocket(stage)
    socket.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: filters(index) } })
    await socket.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
    hostile.push(socket)
  }
  const other = await rawSocket(stage, { from: '127.0.0.2' })
  other.push('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'plans', filter: 'name=like.%the end' }] } })
  await other.find('system', (m) => m[4].message === 'Subscribed to PostgreSQL')
  const began = Date.now()
  stage.sql(`INSERT INTO plans SELECT 1, string_agg(md5(n::text), ' ') || 'the end' FROM generate_series(1, 2500) n`)
  await other.find('postgres_changes')
  assert.equal((await stage.get('/healthz')).status, 200)
  const milliseconds = Date.now() - began
  assert.ok(milliseconds < 5000, `${milliseconds} ms`)
  for (const socket of hostile) {
    const told = await socket.find('system', (m) => /^PatternTimeExceeded: .* public\.plans .*pattern-time/.test(m[4].message))
    assert.deepEqual([told[4].status, told[4].refetch, typeof told[4].cursor], ['error', true, 'string'])
  }
  assert.ok(await stage.metric('pg_realtimed_patterns_undecided_total') >= 10)
  // Small rows are looked at as soon as the time is there again, and others' always.
  stage.sql(`INSERT INTO plans VALUES (2, 'another the end')`)
  await other.find('postgres_changes', (m) => m[4].data.record.id === 2)
  assert.deepEqual(other.messages.filter((m) => m[4]?.status === 'error'), [])
  for (const socket of [...hostile, other]) socket.close()
}))

// A client that asks and takes only as much as it is told to.
function ask(stage, path, bearer) {
  const socket = net.connect({ port: stage.port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(request(path, `Authorization: Bearer ${bearer}`))
  socket.head = () => until(() => { const bytes = socket.read(12); return bytes && bytes.toString() }, 'an answer begins')
  socket.gone = new Promise((resolve) => socket.on('close', resolve))
  return socket
}
const large = (stage) => stage.sql(`INSERT INTO orders SELECT t::uuid, n, 'x', 1, repeat(md5(n::text), 400) FROM generate_series(1, 1000) n, unnest(ARRAY['${tenants[0]}', '${tenants[1]}']) t`)
const path = '/realtime/v1/snapshot?table=orders'

test('answers that wait are limited for each user and in all, and forgotten with their connections', withStage({ 'user-answer-bytes': '20MB', 'answer-bytes': '30MB', 'resume-bytes': '64MB' }, async (stage) => {
  large(stage)
  const sockets = [ask(stage, path, member(0))]
  assert.equal(await sockets[0].head(), 'HTTP/1.1 200')
  sockets.push(ask(stage, path, member(0)))
  assert.equal(await sockets[1].head(), 'HTTP/1.1 503', 'more than a user may let wait')
  sockets.push(ask(stage, path, member(1)))
  assert.equal(await sockets[2].head(), 'HTTP/1.1 200')
  const [bytes, refused] = await stage.metrics(['pg_realtimed_answer_bytes', 'pg_realtimed_closed_total{reason="answer_limit"}'])
  assert.ok(bytes > 20e6 && bytes < 30e6, `${bytes} bytes`)
  assert.equal(refused, 1)
  for (const socket of sockets) socket.destroy()
  await until(async () => await stage.metric('pg_realtimed_answer_bytes') < 1e6, 'they are forgotten')
  const again = await stage.get(path, member(0))
  assert.equal((await again.json()).rows.length, 1000)
}))

test('an answer that is taken too slowly is given up, and one that is taken in time is not', withStage({ 'answer-bytes-per-second': 2_000_000, 'stall-timeout': 4, 'resume-bytes': '64MB' }, async (stage) => {
  large(stage)
  const slow = ask(stage, path, member(0))
  assert.equal(await slow.head(), 'HTTP/1.1 200')
  let taken = 0
  const reading = setInterval(() => { taken += slow.read()?.length ?? 0 }, 100)
  const quick = await stage.get(path, member(1))
  assert.equal((await quick.json()).rows.length, 1000)
  await until(async () => await stage.metric('pg_realtimed_closed_total{reason="slow_consumer"}') === 1, 'it is closed')
  assert.match(stage.log, /is too slow: an answer was taken at less than 2000000 bytes per second/)
  clearInterval(reading)
  assert.ok(taken > 0)
  slow.destroy()
}))

test('the dashboard is compressed once, served from memory, and nothing outside of its folder', async () => {
  rmSync('pages', { recursive: true, force: true })
  mkdirSync('pages/sub', { recursive: true })
  mkdirSync('outside', { recursive: true })
  const script = Array.from({ length: 200_000 }, (_, line) => `line${line};`).join('\n')
  writeFileSync('pages/index.html', '<html>one</html>'.padEnd(5000))
  writeFileSync('pages/sub/app.js', script)
  writeFileSync('pages/.hidden.txt', 'secret')
  writeFileSync('outside/secret.txt', 'secret')
  symlinkSync('../outside/secret.txt', 'pages/leak.txt')
  symlinkSync('../outside', 'pages/away')
  symlinkSync('sub/app.js', 'pages/link.js')
  symlinkSync('pages', 'pages-now')
  await withStage({ 'dashboard': 'pages-now', 'requests-per-second': 10_000 }, async (stage) => {
    const body = async (name) => { const answer = await stage.get(name); return [answer.status, await answer.text()] }
    assert.deepEqual(await body('/dashboard/sub/app.js'), [200, script])
    assert.deepEqual(await body('/dashboard/link.js'), [200, script], 'a link within the folder')
    for (const name of ['/dashboard/leak.txt', '/dashboard/away/secret.txt', '/dashboard/.hidden.txt', '/dashboard/none.js']) assert.equal((await body(name))[0], 404, name)
    assert.match((await body('/dashboard/tenants/7'))[1], /^<html>one/, 'a place within the page')
    // As they are for who does not take gzip.
    const plain = connect(stage, request('/dashboard/sub/app.js', 'Connection: close'))
    assert.ok((await plain.ended).endsWith(script))
    const head = await fetch(stage.url + '/dashboard/sub/app.js', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-type'), head.headers.get('vary')], [200, 'text/javascript; charset=utf-8', 'Accept-Encoding'])
    const before = await stage.metric('process_cpu_seconds_total')
    for (let round = 0; round < 20; ++round) await Promise.all(Array.from({ length: 10 }, () => body('/dashboard/sub/app.js')))
    const seconds = await stage.metric('process_cpu_seconds_total') - before
    assert.ok(seconds < 3, `200 requests took ${seconds} s of the processor`)
    rmSync('pages/sub', { recursive: true })
    writeFileSync('pages/index.html', '<html>two</html>')
    assert.equal((await body('/dashboard/sub/app.js'))[0], 200, 'from memory')
    stage.process.kill('SIGHUP')
    await until(async () => (await body('/dashboard'))[1] === '<html>two</html>', 'read again')
    assert.equal((await body('/dashboard/sub/app.js'))[0], 404)
  })()
})

test('lines of the log that are repeated are left out and counted', withStage({ 'requests-per-second': 10_000 }, async (stage) => {
  stage.sql(`CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order' USING ERRCODE = 'XX000'; END $$;
    ALTER TABLE plans ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON plans USING (fails()); INSERT INTO plans VALUES (1)`)
  for (let round = 0; round < 10; ++round) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => stage.get('/realtime/v1/snapshot?table=plans', member(0))))
    assert.ok(answers.every((answer) => answer.status === 500))
  }
  const lines = stage.log.split('\n').filter((line) => /request req_.*out of order/.test(line))
  const suppressed = await stage.metric('pg_realtimed_log_lines_suppressed_total')
  assert.ok(lines.length <= 60 && lines.length + suppressed >= 100, `${lines.length} lines, ${suppressed} suppressed`)
  await until(() => /\d+ similar lines suppressed: request req_.*out of order/.test(stage.log), 'it is said how many')
}))

test('a transaction that cannot be decoded is asked for again with a growing pause', withStage({}, async (stage) => {
  stage.sql(`ALTER PUBLICATION pg_realtime SET TABLE orders WHERE (1 / total > 0); ALTER PUBLICATION pg_realtime SET (publish = 'insert');
    INSERT INTO orders VALUES ('${tenants[0]}', 1, 'x', 0)`)
  await until(() => /division by zero/.test(stage.log), 'it fails')
  const before = await stage.metric('pg_realtimed_replication_connects_total')
  await sleep(4000)
  const connects = await stage.metric('pg_realtimed_replication_connects_total') - before
  assert.ok(connects >= 1 && connects <= 7, `asked ${connects} times in 4 s`)
}))
