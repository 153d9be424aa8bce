// What clients of other makes and ages send, and what is said to who asks for something that cannot be served.
import { test, before, after, describe } from 'node:test'
import { Stage, anonymous, assert, member, sleep, tenants, token, until, users, ws } from './support.mjs'

const service = token({ role: 'service_role' })
let stage
before(async () => {
  stage = await Stage.start({ 'log-level': 'info' })
  stage.sql("CREATE TABLE documents (id int PRIMARY KEY, body json, tags text[], name text); SELECT realtime_add_table('documents', access => 'public')")
})
after(() => stage.stop())

// A client that speaks either version; what comes is in .messages as {topic, event, payload, ref, join_ref}.
async function open(vsn, { apikey = member(0), headers = {}, query = '' } = {}) {
  const socket = new ws(`ws://127.0.0.1:${stage.port}/realtime/v1/websocket?vsn=${vsn}${apikey === null ? '' : `&apikey=${apikey}`}${query}`, { headers })
  socket.messages = []
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString())
    const [join_ref, ref, topic, event, payload] = vsn === '2.0.0' ? message : [undefined, message.ref, message.topic, message.event, message.payload]
    socket.messages.push({ join_ref, ref, topic, event, payload })
  })
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject) })
  let last = 0
  socket.tell = (topic, event, payload, join_ref = '1') => {
    const ref = String(++last)
    socket.send(JSON.stringify(vsn === '2.0.0' ? [join_ref, ref, topic, event, payload] : { topic, event, payload, ref, join_ref }))
    return ref
  }
  // The same, with the answer.
  socket.say = async (topic, ...message) => {
    const ref = socket.tell(topic, ...message)
    return (await socket.find('phx_reply', (m) => m.topic === topic && m.ref === ref)).payload
  }
  socket.find = (event, what = () => true) => until(() => socket.messages.find((m) => m.event === event && what(m)), `message ${event} ${what}`)
  socket.system = (topic, pattern) => socket.find('system', (m) => m.topic === topic && pattern.test(m.payload.message))
  socket.has = (topic, event) => socket.messages.some((m) => m.topic === topic && m.event === event)
  socket.subscribed = (topic) => socket.messages.some((m) => m.topic === topic && m.payload?.message === 'Subscribed to PostgreSQL')
  return socket
}
const changes = (...bindings) => ({ config: { broadcast: { self: true, ack: true }, postgres_changes: bindings.map((one) => ({ schema: 'public', ...one })) } })
const rows = (ids) => ids.map((id) => `('${tenants[0]}', ${id}, 'new')`).join()
let lastId = 0
const newId = () => ++lastId

for (const vsn of ['1.0.0', '2.0.0']) {
  describe(`clients of vsn ${vsn}`, { concurrency: true }, () => {
    const topicOf = (name) => `realtime:${name} ${vsn}`
    const run = (name, body) => test(name, async () => {
      const socket = await open(vsn)
      try { await body(socket, topicOf(name)) } finally { socket.close() }
    })

    run('a join without config has broadcast and presence, and the table of its topic', async (socket) => {
      const id = newId()
      const topic = `realtime:public:orders:id=eq.${id}`
      assert.equal((await socket.say('realtime:lobby', 'phx_join', {})).status, 'ok')
      assert.equal((await socket.say('realtime:lobby', 'presence', { type: 'presence', event: 'track', payload: {} })).status, 'ok')
      const joined = await socket.say(topic, 'phx_join', { user_token: member(0) })
      assert.deepEqual(joined.response.postgres_changes.map(({ id, ...rest }) => rest), [{ schema: 'public', table: 'orders', filter: `id=eq.${id}` }])
      await socket.system(topic, /^Subscribed to PostgreSQL$/)
      stage.sql(`INSERT INTO orders VALUES ${rows([id])}; UPDATE orders SET status = 'done' WHERE id = ${id}; DELETE FROM orders WHERE id = ${id}`)
      await socket.find('DELETE', (m) => m.topic === topic)
      const came = socket.messages.filter((m) => m.topic === topic && /^[A-Z]/.test(m.event))
      assert.deepEqual(came.map((m) => [m.event, m.payload.type, m.payload.table, m.payload.record?.status ?? m.payload.old_record.id]),
        [['INSERT', 'INSERT', 'orders', 'new'], ['UPDATE', 'UPDATE', 'orders', 'done'], ['DELETE', 'DELETE', 'orders', id]])
    })

    run('presence in capitals, and an update names what it takes the place of', async (socket, topic) => {
      await socket.say(topic, 'phx_join', { config: { presence: { key: 'k' } } })
      assert.equal((await socket.say(topic, 'presence', { type: 'presence', event: 'TRACK', payload: { n: 1 } })).status, 'ok')
      const first = (await socket.find('presence_diff')).payload.joins.k.metas[0]
      assert.equal(first.phx_ref_prev, undefined)
      await socket.say(topic, 'presence', { type: 'presence', event: 'Track', payload: { n: 2 } })
      const update = (await socket.find('presence_diff', (m) => m.payload.joins.k?.metas[0].n === 2)).payload
      assert.deepEqual([update.joins.k.metas[0].phx_ref_prev, update.leaves.k.metas[0].phx_ref], [first.phx_ref, first.phx_ref])
      assert.equal((await socket.say(topic, 'presence', { type: 'presence', event: 'UNTRACK' })).status, 'ok')
      await socket.find('presence_diff', (m) => m.payload.leaves.k?.metas[0].n === 2)
    })

    run('a push with the join_ref of an earlier join is for the channel', async (socket, topic) => {
      await socket.say(topic, 'phx_join', changes(), '5')
      const answer = socket.say(topic, 'broadcast', { type: 'broadcast', event: 'said', payload: {} }, '4')
      assert.equal((await answer).status, 'ok')
      await socket.find('broadcast', (m) => m.topic === topic)
      if (vsn === '2.0.0') assert.equal(socket.messages.filter((m) => m.event === 'phx_reply').at(-1).join_ref, '5', 'the client drops other replies')
    })

    run('user_token in a join is the token of the user', async () => {
      const socket = await open(vsn, { apikey: anonymous })
      const topic = topicOf('user_token')
      assert.equal((await socket.say(topic, 'phx_join', { ...changes({ table: 'orders', event: '*' }), user_token: member(0) })).status, 'ok')
      await socket.system(topic, /^Subscribed to PostgreSQL$/)
      socket.close()
    })

    run('booleans may be texts in capitals', async (socket, topic) => {
      assert.equal((await socket.say(topic, 'phx_join', { config: { broadcast: { ack: 'True', self: 'TRUE' }, presence: { enabled: 'False' } } })).status, 'ok')
      assert.equal((await socket.say(topic, 'broadcast', { type: 'broadcast', event: 'said', payload: {} })).status, 'ok')
      await socket.find('broadcast', (m) => m.topic === topic)
      assert.ok(!socket.has(topic, 'presence_state'))
    })

    run('the key may come in the header apikey', async () => {
      for (const name of ['apikey', 'x-api-key']) {
        const socket = await open(vsn, { apikey: null, headers: { [name]: member(0) } })
        assert.equal((await socket.say(topicOf(name), 'phx_join', { config: {} })).status, 'ok')
        socket.close()
        const said = await fetch(`${stage.url}/realtime/v1/api/broadcast`, { method: 'POST', headers: { [name]: member(0), 'content-type': 'application/json' }, body: JSON.stringify({ messages: [{ topic: 'x', event: 'y', payload: {} }] }) })
        assert.equal(said.status, 202)
      }
    })

    run('in.() matches nothing, on a column of any type', async (socket, topic) => {
      const id = newId()
      const binding = (filter) => ({ table: 'documents', event: 'INSERT', filter })
      await socket.say(topic, 'phx_join', changes(binding('body=in.()'), binding('tags=in.()'), binding('name=in.()'), binding('id=in.()'), binding('body=not.in.()')))
      await socket.system(topic, /^Subscribed to PostgreSQL$/)
      stage.sql(`INSERT INTO documents VALUES (${id}, '{}', '{a}', '')`)
      const { payload } = await socket.find('postgres_changes', (m) => m.topic === topic)
      assert.equal(payload.ids.length, 1, 'only not.in.()')
    })

    run('an empty access_token ends the channel, and null does not', async (socket, topic) => {
      await socket.say(topic, 'phx_join', { config: {} })
      socket.tell(topic, 'access_token', { access_token: null })
      assert.equal((await socket.say(topic, 'presence', { type: 'presence', event: 'track', payload: {} })).status, 'ok')
      assert.ok(!socket.has(topic, 'phx_close'))
      socket.tell(topic, 'access_token', { access_token: '' })
      await socket.find('phx_close', (m) => m.topic === topic)
      const [told] = socket.messages.filter((m) => m.topic === topic).slice(-2)
      assert.deepEqual([told.event, told.payload.extension, told.payload.status], ['system', 'system', 'error'])
      assert.match(told.payload.message, /^Unauthorized: there is no token/)
    })

    run('wrong types are InvalidJoinPayload, naming the member', async (socket, topic) => {
      const wrong = { 'config.private is no boolean': { private: 'yes' }, 'config.broadcast is no object': { broadcast: [] }, 'config.presence.enabled is no boolean': { presence: { enabled: 1 } },
        'config.postgres_changes is no array': { postgres_changes: {} }, 'postgres_changes\\[0\\].table is no text': { postgres_changes: [{ table: 5 }] } }
      for (const [what, config] of Object.entries(wrong)) {
        const { status, response } = await socket.say(topic, 'phx_join', { config })
        assert.equal(status, 'error')
        assert.match(response.reason, new RegExp(`^InvalidJoinPayload: ${what}`))
      }
    })

    run('members of a broadcast are passed on as they are', async (socket, topic) => {
      await socket.say(topic, 'phx_join', changes())
      const sent = [{ type: 'broadcast', event: 'e', payload: { a: 1 }, extra: [1, { b: null }], meta: { c: 2 } }, { type: 'broadcast', event: 'without payload' }, { payload: { without: 'event' } }, {}]
      for (const one of sent) assert.equal((await socket.say(topic, 'broadcast', one)).status, 'ok')
      await until(() => socket.messages.filter((m) => m.event === 'broadcast' && m.topic === topic).length === sent.length, 'broadcasts')
      assert.deepEqual(socket.messages.filter((m) => m.event === 'broadcast' && m.topic === topic).map((m) => m.payload), sent)
    })

    // Whatever cannot be served, the rest of the channel is there.
    const faults = {
      'a filter that cannot be read': [{ table: 'plans', event: '*', filter: 'id=is.many' }, /^MalformedFilter: postgres_changes\[1\]\.filter: .*is\.null/],
      'a filter on a column that does not exist': [{ table: 'plans', event: '*', filter: 'nam=eq.x' }, /^MalformedFilter: postgres_changes\[1\]\.filter: column "nam" does not exist/],
      'a table that is not streamed': [{ table: 'secrets', event: '*' }, /^RealtimeDisabledForConfiguration: table public\.secrets is not streamed; register it with realtime_add_table\(\)/],
      'a schema of which nothing is streamed': [{ schema: 'nowhere', event: '*' }, /^RealtimeDisabledForConfiguration: tables of nowhere\.\* are not streamed/],
      'an event that does not exist': [{ table: 'plans', event: 'INSRT' }, /^MalformedFilter: postgres_changes\[1\]\.event: there is no event "INSRT"; did you mean "INSERT"\?/],
      'a column that does not exist': [{ table: 'plans', event: '*', select: ['nam'] }, /^MalformedFilter: postgres_changes\[1\]\.select: column "nam" does not exist/],
    }
    for (const [what, [binding, reason]] of Object.entries(faults)) {
      run(`${what} is said, and the rest of the channel works`, async (socket, topic) => {
        const id = newId()
        const joined = await socket.say(topic, 'phx_join', changes({ table: 'orders', event: 'INSERT', filter: `id=eq.${id}` }, binding))
        assert.equal(joined.status, 'ok')
        assert.equal(joined.response.postgres_changes.length, 2)
        assert.ok(joined.response.postgres_changes.every((one) => one.id > 0))
        const { payload } = await socket.system(topic, reason)
        assert.deepEqual([payload.status, payload.extension], ['error', 'postgres_changes'])
        assert.equal((await socket.say(topic, 'broadcast', { type: 'broadcast', event: 'said', payload: {} })).status, 'ok')
        await socket.find('broadcast', (m) => m.topic === topic)
        assert.equal((await socket.say(topic, 'presence', { type: 'presence', event: 'track', payload: {} })).status, 'ok')
        stage.sql(`INSERT INTO orders VALUES ${rows([id])}`)
        await socket.find('postgres_changes', (m) => m.topic === topic && m.payload.data.record.id === id)
        assert.ok(!socket.subscribed(topic), 'nobody says that all is well')
        const waiting = await socket.say(`${topic} waits`, 'phx_join', { config: { ...changes(binding).config, postgres_changes_options: { wait: true } } })
        assert.equal(waiting.status, 'error')
        assert.match(waiting.response.reason, new RegExp(reason.source.replace('[1\\]', '[0\\]')))
      })
    }

    run('a token without rights never ends in "Subscribed to PostgreSQL"', async () => {
      const stranger = token({ role: 'authenticated', sub: 'aaaaaaaa-0000-4000-8000-000000000077' })
      const topic = topicOf('without rights')
      const socket = await open(vsn, { apikey: stranger })
      assert.equal((await socket.say(topic, 'phx_join', changes({ table: 'orders', event: '*' }))).status, 'ok')
      await socket.system(topic, /^Unauthorized: table public\.orders is for members of a tenant, and the user is member of none/)
      const nobody = await open(vsn, { apikey: anonymous })
      assert.match((await nobody.say(topic, 'phx_join', changes({ table: 'orders', event: '*' }))).response.reason, /^Unauthorized: table public\.orders is for members/)
      assert.equal((await nobody.say(topic, 'phx_join', changes({ table: 'orders', event: '*' }))).status, 'ok', 'the stock client joins again and has the rest')
      await nobody.system(topic, /^Unauthorized: /)
      for (const one of [socket, nobody]) {
        assert.equal((await one.say(topic, 'broadcast', { type: 'broadcast', event: 'said', payload: {} })).status, 'ok')
        assert.ok(!one.subscribed(topic))
        one.close()
      }
    })

    run('a member of config that is not known is said, with the nearest one', async (socket, topic) => {
      assert.equal((await socket.say(topic, 'phx_join', { config: { broadcast: { akc: true }, brodcast: {} } })).status, 'ok')
      await socket.system(topic, /^config\.broadcast\.akc is not known and has no effect; did you mean "ack"\?$/)
      await socket.system(topic, /^config\.brodcast is not known and has no effect; did you mean "broadcast"\?$/)
    })

    test('the stock client stays joined when a filter cannot be served, and is told when it waits', async () => {
      const client = await stage.client(0, { vsn })
      const heard = []
      const channel = client.channel(`stock ${vsn}`, { config: { broadcast: { self: true } } })
      const status = [], system = []
      channel.on('postgres_changes', { event: '*', schema: 'public', table: 'orders', filter: 'total=eq.many' }, () => {})
        .on('broadcast', { event: 'said' }, (message) => heard.push(message.payload))
        .on('system', {}, (message) => system.push(message))
        .subscribe((one, error) => status.push([one, error?.message]))
      await until(() => system.some((one) => one.status === 'error' && /^MalformedFilter: .*total.*numeric.*many/.test(one.message)), 'reason')
      await channel.send({ type: 'broadcast', event: 'said', payload: { n: 1 } })
      await until(() => heard.length === 1, 'broadcast')
      await sleep(2500) // the client would join again after one second, and after two more
      assert.deepEqual(status, [['SUBSCRIBED', undefined]])
      assert.ok(!system.some((one) => one.message === 'Subscribed to PostgreSQL'))
      const waits = client.channel(`stock waits ${vsn}`, { config: { postgres_changes_options: { wait: true } } })
      const refused = await new Promise((resolve) => waits.on('postgres_changes', { event: '*', schema: 'public', table: 'secrets' }, () => {})
        .subscribe((one, error) => one === 'CHANNEL_ERROR' && resolve(error.message)))
      assert.match(refused, /RealtimeDisabledForConfiguration: table public\.secrets is not streamed/)
      await client.removeAllChannels()
      await client.disconnect()
    })
  })
}

test('joins and bindings that were refused are in the log, and counted by reason', async () => {
  const socket = await open('2.0.0')
  // Of many at once only some are written.
  await until(async () => {
    await socket.say('realtime:refused', 'phx_join', { config: { private: 'yes' } })
    await socket.say('realtime:served in part', 'phx_join', changes({ table: 'secrets', event: '*' }))
    await sleep(300)
    return /join of topic "realtime:refused" refused: InvalidJoinPayload: config\.private is no boolean: "yes"/.test(stage.log) &&
      /postgres_changes of topic "realtime:served in part" refused: RealtimeDisabledForConfiguration: table public\.secrets is not streamed/.test(stage.log)
  }, 'lines in the log', () => stage.log.slice(-2000))
  socket.close()
  const [joins, bindings] = await stage.metrics(['pg_realtimed_joins_refused_total{reason="InvalidJoinPayload"}', 'pg_realtimed_bindings_refused_total{reason="RealtimeDisabledForConfiguration"}'])
  assert.ok(joins >= 10 && bindings >= 4, `${joins} joins, ${bindings} bindings`)
})

describe('private topics of the service role', () => {
  for (const vsn of ['1.0.0', '2.0.0']) {
    test(`need no tenant where there is only one, vsn ${vsn}`, async () => {
      const topic = `realtime:kitchen ${vsn}`, config = { private: true }
      const said = { messages: [{ topic: `kitchen ${vsn}`, event: 'said', payload: { n: 1 }, private: true }] }
      const one = await open(vsn, { apikey: service }), other = await open(vsn)
      assert.match((await one.say(topic, 'phx_join', { config })).response.reason, /^Unauthorized: the caller sees every tenant, of which there is not exactly one/)
      assert.equal((await stage.post('/realtime/v1/api/broadcast', said, service)).status, 403)
      stage.sql(`DELETE FROM tenant_memberships WHERE user_id = '${users[1]}'`)
      try {
        assert.equal((await one.say(topic, 'phx_join', { config })).status, 'ok')
        assert.equal((await other.say(topic, 'phx_join', { config })).status, 'ok')
        one.tell(topic, 'broadcast', { type: 'broadcast', event: 'said', payload: { n: 0 } })
        await other.find('broadcast', (m) => m.payload.payload.n === 0)
        assert.equal((await stage.post('/realtime/v1/api/broadcast', said, service)).status, 202)
        await other.find('broadcast', (m) => m.payload.payload.n === 1)
      } finally { stage.sql(`INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('${tenants[1]}', '${users[1]}')`) }
      for (const socket of [one, other]) socket.close()
    })
  }
})
