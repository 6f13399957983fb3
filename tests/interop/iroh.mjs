// An iroh endpoint that speaks to a gateway of ours: QUIC and TLS are iroh's, and the few bytes of
// preamble (gateway/wire/preamble.h) and control messages (gateway/wire/message.h) are written here
// by hand, from those headers.
//
//   iroh.mjs dial ID IP:PORT SERVICE UDP-SERVICE   uses two echo services of the gateway ID
//   iroh.mjs serve IP:PORT                         is a peer with two echo services, until killed
import { createRequire } from 'node:module'
import process from 'node:process'

const require = createRequire(process.env.IROH_DIR + '/package.json')
const { Endpoint, EndpointAddr, EndpointId, RelayMode } = require('@number0/iroh')

const ALPN = [...Buffer.from('overlay/1')]
const TCP = 1, UDP = 2, CONTROL = 3
const OK = 0, NO_SERVICE = 2
const HELLO = 1, SERVICES = 2, PING = 3, PONG = 4
const Z32 = 'ybndrfg8ejkmcpqxot1uwisza345h769'

// ---- names and bytes ----

function fromZ32(text) {
  let bits = ''
  for (const c of text) bits += Z32.indexOf(c).toString(2).padStart(5, '0')
  return Array.from({ length: 32 }, (_, i) => parseInt(bits.slice(i * 8, i * 8 + 8), 2))
}

function toZ32(bytes) {
  const bits = bytes.map((b) => b.toString(2).padStart(8, '0')).join('').padEnd(260, '0')
  return bits.match(/.{5}/g).map((five) => Z32[parseInt(five, 2)]).join('')
}

const be16 = (n) => [n >> 8, n & 255]
const be32 = (n) => [...be16(n >>> 16), ...be16(n & 65535)]
const counted = (text) => [text.length, ...Buffer.from(text)]
const preamble = (kind, name, port = 0) => [1, kind, ...counted(name), ...be16(port), ...be16(0)]
const message = (type, body) => [...be16(type), ...be16(body.length), ...body]
const varint = (n) => (n < 64 ? [n] : be16(n | 0x4000))
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0

function readVarint(data) {
  return data[0] < 64 ? [data[0], 1] : [((data[0] & 63) << 8) | data[1], 2]
}

// "client bidirectional stream 3" is QUIC stream 12 (RFC 9000 section 2.1).
async function streamNumber(stream) {
  const text = await stream.recv.id()
  return parseInt(text.match(/\d+/)[0]) * 4 + (text.includes('server') ? 1 : 0)
}

// ---- both sides ----

async function bind(address) {
  const builder = Endpoint.builder()
  builder.applyMinimal()
  builder.relayMode(RelayMode.disabled())
  builder.alpns([ALPN])
  builder.bindAddr(address)
  return await builder.bind()
}

async function introduce(conn, services) {
  const { send } = await conn.openBi()
  const list = services.flatMap((s) => [s.proto, 0, ...be16(s.port), ...counted(s.name)])
  const hello = [...be16(1), ...new Array(16).fill(0), ...be32(0), ...counted(''), ...counted('iroh')]
  await send.writeAll([...preamble(CONTROL, ''), ...message(HELLO, hello),
    ...message(SERVICES, [...be16(services.length), ...list])])
  return send
}

async function readAnswer(recv) {
  const [status, length] = await recv.readExact(2)
  const reason = length ? Buffer.from(await recv.readExact(length)).toString() : ''
  return { status, reason }
}

async function readPreamble(recv) {
  const [version, kind, length] = await recv.readExact(3)
  const name = length ? Buffer.from(await recv.readExact(length)).toString() : ''
  const [p1, p2, e1, e2] = await recv.readExact(4)
  if (e1 * 256 + e2) await recv.readExact(e1 * 256 + e2)
  return { version, kind, name, port: p1 * 256 + p2 }
}

async function answerPings(recv, control) {
  for (;;) {
    const [t1, t2, l1, l2] = await recv.readExact(4)
    const body = l1 * 256 + l2 ? await recv.readExact(l1 * 256 + l2) : []
    if (t1 * 256 + t2 === PING) await control.writeAll(message(PONG, body.slice(0, 4)))
  }
}

// ---- dialling a gateway ----

function expect(what, truth) {
  console.log(truth ? 'ok' : 'not ok', what)
  if (!truth) process.exitCode = 1
}

async function useTcp(conn, service) {
  const text = [...Buffer.from('optimistic bytes, '.repeat(1000))]
  const { send, recv } = await conn.openBi()
  await send.writeAll([...preamble(TCP, service), ...text])
  const { status } = await readAnswer(recv)
  expect('iroh reaches a TCP service by name', status === OK)
  await send.finish()
  expect('the stream echoes and its end comes back', same(await recv.readToEnd(1 << 20), text))
}

async function useUdp(conn, service) {
  const stream = await conn.openBi()
  await stream.send.writeAll(preamble(UDP, service))
  const head = varint((await streamNumber(stream)) * 2)
  conn.sendDatagram([...head, ...Buffer.from('a datagram')])
  const { status } = await readAnswer(stream.recv)
  expect('iroh reaches a UDP service', status === OK)
  const got = await conn.readDatagram()
  expect('the datagram echoes', same(got, [...head, ...Buffer.from('a datagram')]))
}

async function refused(conn) {
  const { send, recv } = await conn.openBi()
  await send.writeAll(preamble(TCP, 'nosuch'))
  const { status, reason } = await readAnswer(recv)
  expect(`a service that does not exist is refused (${status} ${reason})`, status !== OK)
}

async function dial(id, address, tcp, udp) {
  const endpoint = await bind('0.0.0.0:0')
  console.log('# dialling as', toZ32(endpoint.id().toBytes()))
  const peer = new EndpointAddr(EndpointId.fromBytes(fromZ32(id)), null, [address])
  const conn = await endpoint.connect(peer, ALPN)
  expect('an iroh endpoint dials the gateway by its id', toZ32(conn.remoteId().toBytes()) === id)
  await introduce(conn, [])
  await useTcp(conn, tcp)
  await useUdp(conn, udp)
  await refused(conn)
  conn.close(0n, [])
  await endpoint.close()
}

// ---- being dialled ----

const SHARED = [{ name: 'echo', proto: 1, port: 7 }, { name: 'datagrams', proto: 2, port: 8 }]

async function echoStream({ send, recv }) {
  await send.writeAll([OK, 0])
  for (;;) {
    const data = await recv.read(65536)
    if (!data || data.length === 0) return await send.finish()
    await send.writeAll(data)
  }
}

async function takeStream(stream, control) {
  const what = await readPreamble(stream.recv)
  const service = SHARED.find((s) => s.name === what.name || s.port === what.port)
  if (what.kind === CONTROL) {
    await stream.send.writeAll([OK, 0])
    await answerPings(stream.recv, control)
  } else if (!service || service.proto !== what.kind) {
    await stream.send.writeAll([NO_SERVICE, ...counted('no such service')])
    await stream.send.finish()
  } else if (what.kind === TCP) {
    await echoStream(stream)
  } else {
    await stream.send.writeAll([OK, 0])
  }
}

const ended = (error) => console.log('# ended:', String(error).split('\n')[0])

async function echoDatagrams(conn) {
  for (;;) conn.sendDatagram(await conn.readDatagram())
}

async function take(incoming) {
  const conn = await (await incoming.accept()).connect()
  console.log('# called by', toZ32(conn.remoteId().toBytes()))
  const control = await introduce(conn, SHARED)
  echoDatagrams(conn).catch(ended)
  for (;;) takeStream(await conn.acceptBi(), control).catch(ended)
}

async function serve(address) {
  const endpoint = await bind(address)
  console.log('ID', toZ32(endpoint.id().toBytes()))
  for (;;) {
    const incoming = await endpoint.acceptNext()
    if (!incoming) return
    take(incoming).catch(ended)
  }
}

const [verb, ...args] = process.argv.slice(2)
await { dial, serve }[verb](...args)
if (verb === 'dial') process.exit()
