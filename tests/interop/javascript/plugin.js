#!/usr/bin/env node
// A source plugin written with CloudQuery's JavaScript SDK. What it sends is stated again in test_javascript_plugin.py.
import { createRequire } from 'node:module';

import {
  Binary, Bool, DateDay, Field, Float32, Float64, Int16, Int32, Int64, List, Schema, Table,
  Timestamp, TimeUnit, Uint16, Uint32, Uint64, Utf8, tableFromIPC, tableToIPC, vectorFromArray,
} from '@cloudquery/plugin-sdk-javascript/arrow';
import { newPlugin, newUnimplementedDestination } from '@cloudquery/plugin-sdk-javascript/plugin/plugin';
import { createServeCommand } from '@cloudquery/plugin-sdk-javascript/plugin/serve';
import { sync } from '@cloudquery/plugin-sdk-javascript/scheduler';
import { createColumn } from '@cloudquery/plugin-sdk-javascript/schema/column';
import { parentColumnResolver, pathResolver } from '@cloudquery/plugin-sdk-javascript/schema/resolvers';
import { createTable, filterTables } from '@cloudquery/plugin-sdk-javascript/schema/table';
import { JSONType } from '@cloudquery/plugin-sdk-javascript/types/json';
import { UUIDType } from '@cloudquery/plugin-sdk-javascript/types/uuid';

const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js');
const { pluginV3 } = require('@cloudquery/plugin-pb-javascript');
const messages = pluginV3.cloudquery.plugin.v3;

const moment = () => new Timestamp(TimeUnit.MICROSECOND, 'UTC');
const column = (name, type, more = {}) => createColumn({ name, type, resolver: pathResolver(name), ...more });
// Only its first column may be `notNull`: else Arrow refuses the SDK's records.
const key = () => column('id', new Int64(), { primaryKey: true });
const ids = (parent) => [
  createColumn({ name: '_cq_id', type: new UUIDType(), notNull: true, unique: true }),
  createColumn({ name: '_cq_parent_id', type: new UUIDType(), ...(parent && { resolver: parentColumnResolver('_cq_id') }) }),
];

const flatRow = (number) => ({
  id: number,
  amount: number / 7,
  is_open: number % 3 === 0,
  created_at: new Date(Date.UTC(2024, 0, 1) + number * 1001),
  name: `name ${number}`,
  note: number % 5 === 0 ? null : 'línea\n"2" 🦆'.repeat(number % 4),
  extra: { n: number, tags: ['a', null], deep: { é: [1.5, true] } },
});

const LOW = {
  id: 1, i64: Number.MIN_SAFE_INTEGER, u64: 0, f32: 0.5, f64: 5e-324, yes: true, words: '', raw: '', at: '1970-01-01T00:00:00.000Z', nanos: '1970-01-01T00:00:00.000Z',
  day: '1970-01-01T00:00:00.000Z', doc: '[]', uid: '00000000-0000-0000-0000-000000000000', texts: [''], numbers: [0],
};
const HIGH = {
  id: 2, i64: Number.MAX_SAFE_INTEGER, u64: Number.MAX_SAFE_INTEGER, f32: -3.4028234663852886e38, f64: 1.7976931348623157e308, yes: false,
  words: '\u0001\t\'"\\ ½', raw: 'bytes ½', at: '2262-04-11T23:47:16.854Z', nanos: '2024-02-29T12:34:56.000Z',
  day: '2999-12-31T00:00:00.000Z', doc: '{"big": 12345678901234567890, "text": "\\\\u0000"}',
  uid: 'ffffffff-ffff-ffff-ffff-ffffffffffff', texts: ['a', 'ü"', ''], numbers: [1, 2147483647, -2147483648],
};
// Of integers, the SDK can send those of 64 bits alone: the others are announced, and null.
const KINDS = {
  i16: new Int16(), i32: new Int32(), i64: new Int64(), u16: new Uint16(), u32: new Uint32(), u64: new Uint64(),
  f32: new Float32(), f64: new Float64(), yes: new Bool(), words: new Utf8(), raw: new Binary(), at: moment(),
  nanos: new Timestamp(TimeUnit.NANOSECOND, 'UTC'), day: new DateDay(), doc: new JSONType(), uid: new UUIDType(),
  texts: new List(new Field('item', new Utf8())), numbers: new List(new Field('item', new Int32())),
};

const repeated = (count, row) => (client, parent, stream) => {
  for (let number = 1; number <= count(client.spec); number++) stream.write(row(number, parent));
  return Promise.resolve();
};

const events = async (client, _, stream) => {
  let last = Number(client.state.get('events') ?? 0);
  while (last < client.spec.events) stream.write({ id: ++last, seen_at: new Date(Date.UTC(2024, 0, 1, 0, last)) });
  client.state.set('events', String(last));
};

const failing = async (client, _, stream) => {
  stream.write({ id: 1 });
  throw new Error('no such luck');
};

const dropping = async (client, _, stream) => {
  for (const id of [1, 2, 3]) stream.write({ id, size: id === 2 && client.spec.drop ? 'large' : id });
};

const TABLES = [
  createTable({
    name: 'flat',
    resolver: repeated((spec) => spec.flat, flatRow),
    columns: [
      ...ids(), key(), column('amount', new Float64()), column('is_open', new Bool()), column('created_at', moment()),
      column('name', new Utf8()), column('note', new Utf8()), column('extra', new JSONType()),
    ],
  }),
  createTable({
    name: 'parents', title: 'Parents', description: 'Those above',
    resolver: repeated((spec) => spec.parents, (id) => ({ id, name: `parent ${id}` })),
    columns: [...ids(), key(), column('name', new Utf8())],
    relations: [
      createTable({
        name: 'children',
        resolver: repeated(() => 5, (number, parent) => ({ id: `${parent.getItem().id}-${number}` })),
        columns: [
          ...ids(true), column('id', new Utf8(), { primaryKey: true }),
          createColumn({ name: 'parent_id', type: new Int64(), resolver: parentColumnResolver('id') }),
        ],
      }),
    ],
  }),
  createTable({
    name: 'kinds',
    resolver: (client, _, stream) => Promise.resolve([LOW, HIGH, { id: 3 }].forEach((row) => stream.write(row))),
    columns: [...ids(), key(), ...Object.entries(KINDS).map(([name, type]) => column(name, type))],
  }),
  createTable({
    name: 'events', isIncremental: true, resolver: events,
    columns: [...ids(), key(), column('seen_at', moment(), { incrementalKey: true })],
  }),
  createTable({ name: 'failing', resolver: failing, columns: [...ids(), key()] }),
  createTable({ name: 'dropping', resolver: dropping, columns: [...ids(), key(), column('size', new Int64())] }),
];

// The SDK has no client for a state backend: this one speaks to it as CloudQuery's other SDKs do.
const state = (tableName, connection) => {
  const fields = [new Field('key', new Utf8()), new Field('value', new Utf8())];
  const schema = new Schema(fields, new Map([['cq:table_name', tableName]]));
  const backend = new messages.PluginClient(connection, grpc.credentials.createInsecure());
  return {
    read: async () => {
      const values = new Map();
      const request = new messages.Read.Request({ table: tableToIPC(new Table(schema)) });
      for await (const { record } of backend.Read(request)) {
        for (const { key, value } of tableFromIPC(record).toArray()) values.set(key, value);
      }
      return values;
    },
    write: (values) =>
      new Promise((resolve, reject) => {
        const call = backend.Write((error) => (error ? reject(error) : resolve()));
        const column = (each) => vectorFromArray([...each], new Utf8());
        const record = tableToIPC(new Table(schema, { key: column(values.keys()), value: column(values.values()) }));
        call.write(new messages.Write.Request({ insert: new messages.Write.MessageInsert({ record }) }));
        call.end();
      }),
  };
};

const DEFAULTS = { flat: 300, parents: 20, events: 100 };
const newClient = async (logger, text) => {
  const spec = { ...DEFAULTS, ...JSON.parse(text || '{}') };
  if (spec.refuse) throw new Error(`wrong token ${spec.refuse}`);
  return {
    ...newUnimplementedDestination(),
    close: () => Promise.resolve(),
    tables: async ({ tables, skipTables, skipDependentTables }) =>
      filterTables(TABLES, tables, skipTables, skipDependentTables),
    sync: async ({ stream, tables, skipTables, skipDependentTables, deterministicCQId, backendOptions }) => {
      if (spec.reject) throw new Error('it does not want to');
      const backend = state(backendOptions.tableName, backendOptions.connection);
      const client = { id: () => 'account', spec, state: await backend.read() };
      const end = stream.end.bind(stream);
      stream.end = () => (client.state.size ? backend.write(client.state).then(end) : end());
      const chosen = filterTables(TABLES, tables, skipTables, skipDependentTables);
      await sync({ logger, client, stream, tables: chosen, deterministicCQId, concurrency: 10 });
    },
  };
};

const jsonSchema = JSON.stringify({ type: 'object', properties: { flat: { type: 'integer', minimum: 0 } } });
createServeCommand(newPlugin('javascript', 'v0.1.0', newClient, { team: 'headwater', kind: 'source', jsonSchema })).parse();
