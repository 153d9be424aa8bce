// Broadcasts of bytes and over HTTP, and presence that ends, as the stock client sees them.
import { test, before, after, describe } from 'node:test'
import { Stage, anonymous, assert, member, rawSocket, tenants, until } from './support.mjs'

describe('messages', () => {
  let stage
  before(async () => { stage = await Stage.start() })
  after(() => stage.stop())

  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  // A joined channel of a stock client; what it hears is in .heard.
  async function room(user, topic, { vsn = '2.0.0', config = {}, subscribe = true } = {}) {
    const client = await stage.client(user, { vsn, logger: () => {} })
    const channel = client.channel(topic, { config })
    channel.client = client
    channel.heard = []
    channel.on('broadcast', { event: '*' }, (message) => channel.heard.push([message.event, message.payload instanceof ArrayBuffer ? [...new Uint8Array(message.payload)] : message.payload]))
    if (subscribe) await new Promise((resolve, reject) => channel.subscribe((status, error) => status === 'SUBSCRIBED' ? resolve() : reject(error ?? status)))
    return channel
  }
  const leave = async (...channels) => { for (const channel of channels) await channel.client.disconnect() }
  const post = (path, body, type, bearer = anonymous) => fetch(stage.url + path, { method: 'POST', body, headers: { authorization: `Bearer ${bearer}`, ...(type && { 'content-type': type }) } })

  test('bytes that a stock client sends arrive as the same bytes', async () => {
    const [one, two] = [await room(0, 'bytes', { config: { broadcast: { ack: true, self: true } } }), await room(1, 'bytes')]
    assert.equal(await one.send({ type: 'broadcast', event: 'raw', payload: bytes.buffer }), 'ok')
    assert.equal(await one.send({ type: 'broadcast', event: 'empty', payload: new ArrayBuffer(0) }), 'ok')
    assert.equal(await one.send({ type: 'broadcast', event: 'json', payload: { a: 'é' } }), 'ok')
    const wanted = [['raw', [...bytes]], ['empty', []], ['json', { a: 'é' }]]
    for (const channel of [one, two]) {
      await until(() => channel.heard.length === 3, 'all three')
      assert.deepEqual(channel.heard, wanted)
    }
    await leave(one, two)
  })

  test('bytes go out as binary frames of kind 4, and not to clients whose version has no form for them', async () => {
    const [two, one] = [await rawSocket(stage), await rawSocket(stage, { vsn: '1.0.0' })]
    two.push('7', '7', 'realtime:frames', 'phx_join', { config: { broadcast: { self: true } } })
    await two.find('phx_reply')
    one.send(JSON.stringify({ topic: 'realtime:frames', event: 'phx_join', payload: { config: {} }, ref: '1', join_ref: '1' }))
    await until(() => one.messages.some((m) => m.event === 'phx_reply'), 'reply')
    const push = (event, encoding, payload) => {
      const head = [3, 1, 1, 'realtime:frames'.length, event.length, 0, encoding]
      two.send(Buffer.concat([Buffer.from(head), Buffer.from('78realtime:frames' + event), Buffer.from(payload)]))
    }
    push('raw', 0, bytes)
    push('json', 1, '{"x":1}')
    push('broken', 1, '{"x":')
    push('last', 1, '{}')
    const told = await until(() => { const list = two.messages.filter((m) => Buffer.isBuffer(m) || m[3] === 'broadcast'); return list.length === 3 && list }, 'three messages')
    assert.deepEqual(told[0], Buffer.concat([Buffer.from([4, 15, 3, 0, 0]), Buffer.from('realtime:framesraw'), Buffer.from(bytes)]))
    assert.deepEqual(told.slice(1).map((m) => [m[4].event, m[4].payload]), [['json', { x: 1 }], ['last', {}]])
    await until(() => one.messages.filter((m) => m.event === 'broadcast').length === 2, 'what version 1 can say')
    assert.deepEqual(one.messages.filter((m) => m.event === 'broadcast').map((m) => m.payload.event), ['json', 'last'])
    for (const socket of [one, two]) socket.close()
  })

  test('one message over HTTP is JSON or bytes, and nothing else', async () => {
    const channel = await room(0, 'http')
    const path = '/realtime/v1/api/broadcast/http/events/e'
    assert.equal((await post(path, bytes, 'application/octet-stream')).status, 202)
    assert.equal((await post(path, '{"x": 1}', 'application/json; charset=utf-8')).status, 202)
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x']) {
      const answer = await post(path, 'x', type)
      assert.equal(answer.status, 415, type)
      assert.match((await answer.json()).message, /application\/json nor application\/octet-stream/)
    }
    assert.equal((await post(path, '{"x":', 'application/json')).status, 400)
    assert.equal((await post(path, 'null', 'application/json')).status, 202)
    await until(() => channel.heard.length === 3, 'three messages')
    assert.deepEqual(channel.heard, [['e', [...bytes]], ['e', { x: 1 }], ['e', null]])
    assert.equal((await fetch(stage.url + path, { method: 'POST', body: '{}' })).status, 401)
    await leave(channel)
  })

  test('httpSend() of the stock client reaches the channel, public or private, with JSON or bytes', async () => {
    const [hearer, stranger] = [await room(0, 'a/b c', { config: { private: true } }), await room(1, 'a/b c', { config: { private: true } })]
    const open = await room(1, 'a/b c')
    const sender = await room(0, 'a/b c', { config: { private: true }, subscribe: false })
    assert.deepEqual(await sender.httpSend('é e', { n: 1 }), { success: true })
    assert.deepEqual(await sender.httpSend('raw', bytes.buffer), { success: true })
    const other = await room(0, 'a/b c', { subscribe: false })
    assert.deepEqual(await other.httpSend('open', { n: 2 }), { success: true })
    await until(() => hearer.heard.length === 2 && open.heard.length === 1, 'messages')
    assert.deepEqual(hearer.heard, [['é e', { n: 1 }], ['raw', [...bytes]]])
    assert.deepEqual(open.heard, [['open', { n: 2 }]])
    assert.deepEqual(stranger.heard, [])
    const nobody = await room(null, 'a/b c', { config: { private: true }, subscribe: false })
    await assert.rejects(() => nobody.httpSend('x', {}), /forbidden/)
    await leave(hearer, stranger, open, sender, other, nobody)
  })

  test('send() of the stock client before it has joined reaches the channel over HTTP', async () => {
    const hearer = await room(0, 'early', { config: { private: true } })
    const sender = await room(0, 'early', { config: { private: true }, subscribe: false })
    assert.equal(await sender.send({ type: 'broadcast', event: 'first', payload: { n: 1 } }), 'ok')
    await until(() => hearer.heard.length === 1, 'message')
    assert.deepEqual(hearer.heard, [['first', { n: 1 }]])
    const nobody = await room(null, 'early', { config: { private: true }, subscribe: false })
    assert.equal(await nobody.send({ type: 'broadcast', event: 'second', payload: {} }), 'error')
    await leave(hearer, sender, nobody)
  })

  test('several messages of one request are heard in their order, by those who may hear each', async () => {
    const [own, open] = [await room(0, 'batch', { config: { private: true } }), await room(null, 'batch')]
    const messages = [['1', true], ['2', false], ['3', true], ['4', false]].map(([event, isPrivate]) => ({ topic: 'batch', event, payload: {}, private: isPrivate }))
    const answer = await post('/realtime/v1/api/broadcast', JSON.stringify({ messages }), 'application/json', member(0))
    assert.equal(answer.status, 202)
    assert.equal(await answer.text(), '')
    await until(() => own.heard.length === 2 && open.heard.length === 2, 'messages')
    assert.deepEqual([own.heard.map(([event]) => event), open.heard.map(([event]) => event)], [['1', '3'], ['2', '4']])
    // One that is wrong keeps all back.
    for (const [wrong, status] of [[{ topic: 'batch', payload: {} }, 422], [{ topic: 'batch', event: '6', payload: {}, private: true, tenant: tenants[1] }, 403]]) {
      assert.equal((await post('/realtime/v1/api/broadcast', JSON.stringify({ messages: [messages[1], wrong] }), 'application/json', member(0))).status, status)
    }
    assert.equal((await post('/realtime/v1/api/broadcast', JSON.stringify({ messages: [{ topic: 'batch', event: 'last', payload: {} }] }), 'application/json')).status, 202)
    await until(() => open.heard.some(([event]) => event === 'last'), 'the last')
    assert.deepEqual(open.heard.map(([event]) => event), ['2', '4', 'last'])
    await leave(own, open)
  })

  test('who untracks, or leaves the channel, is told as gone, and may come back', async () => {
    const seen = []
    const join = async (user, key) => {
      const channel = (await stage.client(user)).channel('presence', { config: { presence: { key } } })
      channel.on('presence', { event: 'sync' }, () => {})
      if (key === 'watcher') {
        for (const event of ['join', 'leave']) channel.on('presence', { event }, (m) => seen.push([event, m.key, (event === 'join' ? m.newPresences : m.leftPresences).map((one) => one.n)]))
      }
      await new Promise((resolve) => channel.subscribe((status) => status === 'SUBSCRIBED' && resolve()))
      return channel
    }
    const [watcher, one, two] = [await join(0, 'watcher'), await join(1, 'shared'), await join(1, 'shared')]
    const keys = () => Object.entries(watcher.presenceState()).map(([key, metas]) => [key, metas.map((meta) => meta.n).sort()])
    assert.equal(await one.track({ n: 1 }), 'ok')
    await until(() => seen.length === 1, 'join')
    assert.equal(await two.track({ n: 2 }), 'ok')
    await until(() => seen.length === 2, 'join of another one with the same key')
    assert.deepEqual(keys(), [['shared', [1, 2]]])
    assert.equal(await one.untrack(), 'ok')
    await until(() => seen.length === 3, 'leave')
    assert.deepEqual(keys(), [['shared', [2]]])
    assert.equal(await one.untrack(), 'ok')
    assert.equal(await one.track({ n: 3 }), 'ok')
    await until(() => seen.length === 4, 'join again')
    assert.equal(await one.unsubscribe(), 'ok')
    await until(() => seen.length === 5, 'leave with the channel')
    await two.socket.disconnect()
    await until(() => seen.length === 6, 'leave with the connection')
    assert.deepEqual(keys(), [])
    assert.deepEqual(seen, [['join', 'shared', [1]], ['join', 'shared', [2]], ['leave', 'shared', [1]], ['join', 'shared', [3]], ['leave', 'shared', [3]], ['leave', 'shared', [2]]])
    for (const channel of [watcher, one]) await channel.socket.disconnect()
  })
})
