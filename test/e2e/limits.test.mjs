// Limits that say no: to who comes too often and who says too much.
import { test, before, after, describe } from 'node:test'
import http from 'node:http'
import { writeFileSync } from 'node:fs'
import { Stage, anonymous, assert, connect, joined, rawSocket, request, until, ws } from './support.mjs'

// From an address that is no proxy: whether a connection is served: its answer, or that of the limit of connections.
async function knock(stage, from = '127.0.0.2') {
  const socket = connect(stage, request('/healthz'), from)
  await until(() => /HTTP\/1\.1 \d+/.test(socket.text) || socket.destroyed, 'an answer')
  socket.status = Number(/HTTP\/1\.1 (\d+)/.exec(socket.text)?.[1])
  return socket
}

describe('how many and how much', () => {
  let stage
  const settings = async (text) => {
    const read = stage.log.split('settings were read again').length
    writeFileSync('limits.toml', text)
    stage.process.kill('SIGHUP')
    await until(() => stage.log.split('settings were read again').length > read, 'new settings')
  }
  before(async () => {
    writeFileSync('limits.toml', '')
    stage = await Stage.start({ config: 'limits.toml' })
  })
  after(() => stage.stop())

  test('one address has so many connections; others, and proxies, are not counted with it', async () => {
    await settings('connections-per-address = 3\nconnections-per-second-per-address = 0\n')
    const sockets = []
    for (let number = 0; number < 3; ++number) sockets.push(await knock(stage))
    assert.deepEqual(sockets.map((socket) => socket.status), [200, 200, 200])
    const refused = await knock(stage)
    assert.equal(refused.status, 503)
    assert.match(refused.text, /^retry-after: 1\r$/im)
    sockets.push(await knock(stage, '127.0.0.3'))
    assert.equal(sockets.at(-1).status, 200)
    for (let number = 0; number < 5; ++number) sockets.push(await knock(stage, '127.0.0.1'))
    assert.ok(sockets.slice(4).every((socket) => socket.status === 200))
    assert.ok(await until(async () => await stage.metric('pg_realtimed_closed_total{reason="connection_limit"}') >= 1, 'it is counted'))
    sockets[0].destroy()
    await until(async () => { const socket = await knock(stage); sockets.push(socket); return socket.status === 200 }, 'there is room again')
    // WebSockets of that address count as well.
    const late = new ws(`ws://127.0.0.1:${stage.port}/realtime/v1/websocket?apikey=${anonymous}`, { localAddress: '127.0.0.2' })
    assert.match((await new Promise((resolve) => late.on('error', resolve))).message, /503/)
    for (const socket of sockets) socket.destroy()
  })

  test('one address comes so often a second; others are not counted with it', async () => {
    await settings('connections-per-second-per-address = 1\n')
    const many = await Promise.all(Array.from({ length: 40 }, () => knock(stage, '127.0.0.4')))
    const served = many.filter((socket) => socket.status === 200).length
    assert.ok(served >= 4 && served < 40, `${served} of 40`)
    assert.ok(many.every((socket) => socket.status === 200 || /^HTTP\/1\.1 503 [^]*^retry-after: 1\r$/im.test(socket.text)))
    assert.equal((await knock(stage, '127.0.0.5')).status, 200)
    await until(async () => (await knock(stage, '127.0.0.4')).status === 200, 'who waits is served')
    for (const socket of many) socket.destroy()
  })

  test('who breaks the protocol has to wait, who comes as often and does not has not', async () => {
    await settings('connections-per-second-per-address = 10\n')
    const answers = []
    for (let number = 0; number < 30; ++number) answers.push(await connect(stage, 'nonsense\r\n\r\n', '127.0.0.6').ended)
    const told = answers.map((answer) => answer.slice(9, 12))
    assert.equal(told[0], '400')
    assert.ok(told.includes('503'), told.join())
    for (let number = 0; number < 30; ++number) {
      const socket = await knock(stage, '127.0.0.7')
      assert.equal(socket.status, 200)
      socket.destroy()
    }
  })

  test('all addresses together have so many connections, and who is refused is told when to come back', async () => {
    await settings('max-connections = 8\n')
    const sockets = []
    const refused = await until(async () => {
      const socket = await knock(stage, `127.0.0.${20 + sockets.length}`)
      if (socket.status !== 200) return socket
      sockets.push(socket)
      return null
    }, 'refusal')
    assert.equal(refused.status, 503)
    assert.match(refused.text, /^retry-after: 1\r$/im)
    assert.ok(sockets.length > 0 && sockets.length <= 8, `${sockets.length} of 8`)
    sockets[0].write(request('/healthz'))
    await until(() => sockets[0].text.match(/HTTP\/1\.1 200/g).length === 2, 'those who are there are served')
    for (const socket of sockets) socket.destroy()
    await until(async () => (await knock(stage)).status === 200, 'there is room again')
    await settings('')
  })

  test('a topic is tracked by so many clients', async () => {
    await settings('presence-per-topic = 2\n')
    const sockets = [await joined(stage), await joined(stage), await joined(stage)]
    const track = async (index, ref) => {
      sockets[index].push('1', ref, 'realtime:a', 'presence', { type: 'presence', event: 'track', payload: { index, ref } })
      return (await sockets[index].find('phx_reply', (m) => m[1] === ref))[4]
    }
    assert.equal((await track(0, 'one')).status, 'ok')
    assert.equal((await track(1, 'one')).status, 'ok')
    assert.deepEqual(await track(2, 'one'), { status: 'error', response: { reason: 'Presence limit of the topic reached' } })
    assert.equal((await track(0, 'two')).status, 'ok', 'who is tracked may change what')
    sockets[0].close()
    await sockets[0].closed
    await until(async () => (await track(2, `again${sockets[2].messages.length}`)).status === 'ok', 'there is room again')
    for (const socket of sockets) socket.close()
  })

  test('a payload that is too large is not sent to anybody, whichever way it comes', async () => {
    await settings('broadcast-bytes = 100\n')
    const hearer = await joined(stage)
    const client = await stage.client(0)
    const channel = client.channel('a', { config: { broadcast: { ack: true } } })
    await new Promise((resolve) => channel.subscribe((status) => status === 'SUBSCRIBED' && resolve()))
    const large = { x: 'y'.repeat(100) }
    assert.equal(await channel.send({ type: 'broadcast', event: 'large', payload: large }), 'error')
    assert.equal(await channel.send({ type: 'broadcast', event: 'large', payload: new Uint8Array(101).buffer }), 'error')
    hearer.push('1', '3', 'realtime:a', 'broadcast', { type: 'broadcast', event: 'large', payload: large })
    assert.deepEqual((await hearer.find('phx_reply', (m) => m[1] === '3'))[4].response, { error: 'payload_size_exceeded', limit: 100 })
    const post = async (path, body, type) => (await fetch(stage.url + path, { method: 'POST', body, headers: { authorization: `Bearer ${anonymous}`, 'content-type': type } })).status
    assert.equal(await post('/realtime/v1/api/broadcast', JSON.stringify({ messages: [{ topic: 'a', event: 'large', payload: {} }, { topic: 'a', event: 'large', payload: large }] }), 'application/json'), 413)
    assert.equal(await post('/realtime/v1/api/broadcast/a/events/large', JSON.stringify(large), 'application/json'), 413)
    assert.equal(await post('/realtime/v1/api/broadcast/a/events/large', new Uint8Array(101), 'application/octet-stream'), 413)
    assert.equal(await channel.send({ type: 'broadcast', event: 'small', payload: { x: 1 } }), 'ok')
    await hearer.find('broadcast', (m) => m[4].event === 'small')
    assert.deepEqual(hearer.messages.filter((m) => m[3] === 'broadcast' || Buffer.isBuffer(m)).map((m) => m[4].event), ['small'])
    assert.ok(await until(async () => await stage.metric('pg_realtimed_broadcasts_total{result="refused"}') >= 3, 'refusals are counted'))
    await client.disconnect()
    hearer.close()
    await settings('')
  })

  test('a sender has so many bytes of broadcasts a second, whichever way they come; others are not counted with it', async () => {
    await settings('broadcast-bytes = 1100\nbroadcast-bytes-per-second = "2kB"\n')
    const [hearer, sender, other] = [await joined(stage), await joined(stage), await joined(stage)]
    const payload = (size) => ({ x: 'y'.repeat(size - 8) })
    const push = async (socket, ref, size) => {
      socket.push('1', ref, 'realtime:a', 'broadcast', { type: 'broadcast', event: ref, payload: payload(size) })
      return (await socket.find('phx_reply', (m) => m[1] === ref))[4]
    }
    for (const socket of [sender, other]) {
      socket.push('2', '2', 'realtime:a', 'phx_join', { config: { broadcast: { ack: true } } })
      await socket.find('phx_reply', (m) => m[1] === '2')
      socket.messages.length = 0
      const spent = socket.push
      socket.push = (_, ...rest) => spent('2', ...rest)
    }
    const refusal = { status: 'error', response: { error: 'rate_limit_exceeded', limit: 2048 } }
    let sent = 0
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => push(sender, `a${index}`, 1000)))
    sent += all.filter((answer) => answer.status === 'ok').length
    assert.ok(sent >= 4 && sent < 20, `${sent} of 20 went through`)
    assert.deepEqual(all.filter((answer) => answer.status !== 'ok')[0], refusal)
    assert.equal((await push(other, 'other', 1000)).status, 'ok')
    sent += 1
    const post = (events) => stage.post('/realtime/v1/api/broadcast', { messages: events.map((event) => ({ topic: 'a', event, payload: payload(1000) })) }, anonymous)
    // More than there ever is at once is let through when nothing was sent before.
    assert.equal((await post(Array.from({ length: 10 }, () => 'many'))).status, 202)
    sent += 10
    const refused = await post(['one'])
    assert.equal(refused.status, 429)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.match((await refused.json()).hint, /broadcast-bytes-per-second/)
    await until(async () => (await push(sender, `b${sender.messages.length}`, 1000)).status === 'ok', 'there is room again')
    await hearer.find('broadcast', (m) => m[4].event.startsWith('b'))
    assert.equal(hearer.messages.filter((m) => m[3] === 'broadcast').length, sent + 1)
    for (const socket of [hearer, sender, other]) socket.close()
    await settings('')
  })

  test('members that cannot be told bytes are counted', async () => {
    const [first, second] = [await rawSocket(stage, { vsn: '1.0.0' }), await joined(stage)]
    first.send(JSON.stringify({ topic: 'realtime:a', event: 'phx_join', payload: { config: {} }, ref: '1', join_ref: '1' }))
    await until(() => first.messages.some((message) => message.event === 'phx_reply' && message.payload.status === 'ok'), 'vsn 1.0.0 is joined')
    const answer = await fetch(`${stage.url}/realtime/v1/api/broadcast/a/events/bytes`, { method: 'POST', body: new Uint8Array(3), headers: { authorization: `Bearer ${anonymous}`, 'content-type': 'application/octet-stream' } })
    assert.equal(answer.status, 202)
    await until(() => second.messages.some((message) => Buffer.isBuffer(message)), 'vsn 2.0.0 gets them')
    await until(async () => await stage.metric('pg_realtimed_broadcasts_withheld_total') === 1, 'the other one is counted')
    for (const socket of [first, second]) socket.close()
  })

  test('a join is bounded in bytes, a socket in postgres_changes of all its channels', async () => {
    await settings('join-bytes = 2000\nbindings-per-socket = 5\n')
    const socket = await rawSocket(stage)
    const bindings = (count) => Array.from({ length: count }, (_, number) => ({ event: '*', schema: 'public', table: 'plans', filter: `id=eq.${number}` }))
    const join = async (ref, config) => { socket.push(ref, ref, `realtime:${ref}`, 'phx_join', { config }); return (await socket.find('phx_reply', (m) => m[1] === ref))[4] }
    assert.match((await join('large', { presence: { key: 'k' }, x: 'y'.repeat(2000) })).response.reason, /^InvalidJoinPayload: .*2000 bytes/)
    assert.equal((await join('three', { postgres_changes: bindings(3) })).status, 'ok')
    assert.match((await join('six', { postgres_changes: bindings(3) })).response.reason, /^ChannelRateLimitReached: more than 5 postgres_changes/)
    assert.equal((await join('five', { postgres_changes: bindings(2) })).status, 'ok')
    socket.push('three', 'leave', 'realtime:three', 'phx_leave', {})
    await socket.find('phx_close', (m) => m[0] === 'three')
    assert.equal((await join('again', { postgres_changes: bindings(3) })).status, 'ok', 'who leaves makes room')
    socket.close()
    await settings('')
  })

  test('a name of a topic is bounded', async () => {
    await settings('topic-bytes = 20\n')
    const socket = await joined(stage)
    socket.push('2', '2', 'realtime:' + 'x'.repeat(12), 'phx_join', { config: {} })
    assert.deepEqual((await socket.find('phx_reply', (m) => m[1] === '2'))[4], { status: 'error', response: { reason: 'TopicNameTooLong: a topic has at most 20 bytes' } })
    socket.close()
    await settings('')
  })

  test('topics without a name, and what is no topic, are refused with the reason', async () => {
    const socket = await rawSocket(stage)
    const reply = async (ref, ...message) => { socket.push(ref, ref, ...message); return (await socket.find('phx_reply', (m) => m[1] === ref))[4] }
    const nameless = await reply('1', 'realtime:', 'phx_join', { config: {} })
    assert.equal(nameless.status, 'error')
    assert.match(nameless.response.reason, /^TopicNameRequired: /)
    assert.deepEqual(await reply('2', 'room', 'phx_join', { config: {} }), { status: 'error', response: { reason: 'unmatched topic' } })
    assert.deepEqual(await reply('3', 'realtime:never-joined', 'broadcast', { type: 'broadcast', event: 'x', payload: {} }), { status: 'error', response: { reason: 'unmatched topic' } })
    assert.equal((await reply('4', 'realtime:never-joined', 'phx_leave', {})).status, 'ok')
    socket.close()
  })
})

describe('behind a proxy', () => {
  let stage
  before(async () => { stage = await Stage.start({ 'trust-forwarded': 'true', 'requests-per-second': 20 }) })
  after(() => stage.stop())
  const asked = (from, forwarded) => Promise.all(Array.from({ length: 150 }, (_, number) => new Promise((resolve, reject) =>
    http.get({ host: '127.0.0.1', port: stage.port, path: '/realtime/v1/nothing', localAddress: from, headers: forwarded(number) }, (answer) => { answer.resume(); resolve(answer.statusCode) }).on('error', reject))))
  const refused = (statuses) => statuses.filter((status) => status === 429).length

  test('requests are counted by the last address that the proxy names', async () => {
    // What clients write there themselves stands in front.
    assert.ok(refused(await asked('127.0.0.1', (number) => ({ 'x-forwarded-for': `9.9.9.${number}, 10.0.0.1` }))) > 0)
    assert.deepEqual((await asked('127.0.0.1', (number) => ({ 'x-forwarded-for': `9.9.9.9, 10.0.1.${number}` }))).filter((status) => status !== 404), [])
    // A network of IPv6 is one.
    assert.ok(refused(await asked('127.0.0.1', (number) => ({ 'x-forwarded-for': `2001:db8::${number}` }))) > 0)
  })

  test('who is no proxy cannot name an address', async () => {
    assert.ok(refused(await asked('127.0.0.2', (number) => ({ 'x-forwarded-for': `10.0.2.${number}` }))) > 0)
  })
})
