// Records what the npm package jsonschema says of the pairs below and of generated ones: npm install jsonschema@1.5.0 && node record.mjs > jsonschema.jsonl
// (one {"schema", "instance", "errors"} or {"schema", "instance", "impossible": true} per line).
import jsonschema from 'jsonschema';

const pairs = [];
const add = (schema, ...instances) => instances.forEach(instance => pairs.push({ schema, instance }));
const values = [null, true, false, 0, 1, -1.5, 5, 'a', '', 'longer text', [], [1, 1], ['a', 2, {}], {}, { a: 1 }, { name: 'x', n: 5 }];

for (const type of ['string', 'number', 'integer', 'boolean', 'null', 'array', 'object', 'any', 'date', 'unheard-of']) add({ type }, ...values);
add({ type: ['string', 'null'] }, ...values);
add({ type: [{ type: 'string', minLength: 2 }, { id: 'big', minimum: 3 }] }, 'a', 'ab', 2, 3);
add({ enum: [1, 'a', null, [1, 2], { k: 'v' }] }, 1, '1', null, [1, 2], [2, 1], { k: 'v' }, { k: 'w' });
add({ const: { a: [1] } }, { a: [1] }, { a: [2] }, 'x');
add({ const: null }, null, 0);
add({ const: [1, null, 'x'] }, [1, null, 'x'], []);
add({ const: 1e21 }, 1);
add({ properties: { b: { type: 'string' }, a: { type: 'integer', required: true }, 10: {}, 9: { const: 1 } } },
  {}, { a: 1 }, { a: 'x', b: 2, 9: 2, 10: 3 }, { b: null }, 'not an object', [1]);
add({ required: ['name', 'the "quoted"', 'with space'], properties: { name: { type: 'string' } } }, {}, { name: 'x' }, { name: null, 'the "quoted"': 1 }, 5);
add({ properties: { secret: false, open: true } }, {}, { secret: 1 }, { open: 1 });
add(true, 1, {});
add(false, 1, {}, null);
add({ additionalProperties: false, properties: { a: {} } }, { a: 1 }, { a: 1, b: 2, 'c d': 3 }, []);
add({ additionalProperties: { type: 'integer' } }, { a: 1, 'b.c': 'x', 'd e': 'y', '0': 'z', '1a': 'w', 'f[': 'v' });
add({ additionalProperties: false, patternProperties: { '^x-': { type: 'string' }, '\\d$': { minimum: 2 } }, properties: { known: {} } },
  { known: 1, 'x-a': 's', other: 1 }, { 'x-1': 1 }, { zz: 1, 'x-b': 2 });
add({ properties: { known: {} }, patternProperties: { '^x-': { type: 'string' } } }, { free: 1, 'x-a': 2 });
add({ patternProperties: { '^x-': { type: 'string' } }, additionalProperties: { type: 'boolean' } }, { free: 1, 'x-a': 2 });
add({ propertyNames: { pattern: '^[a-z]+$' } }, { abc: 1, 'A b': 2, 7: 3 }, 'x');
add({ propertyNames: false }, {}, { a: 1 });
add({ minProperties: 1, maxProperties: 2 }, {}, { a: 1 }, { a: 1, b: 2, c: 3 });
add({ dependencies: { card: ['address', 'name'], coupon: 'card', gift: { required: ['to'], properties: { to: { type: 'string' } } } } },
  { card: 1 }, { card: 1, address: 2, name: 3 }, { coupon: 1 }, { gift: true }, { gift: true, to: 5 }, { gift: true, to: 'x' }, {});
add({ properties: { kind: { enum: ['a', 'b'] } }, dependencies: { kind: { oneOf: [
  { properties: { kind: { enum: ['a'] }, x: { type: 'string' } }, required: ['x'] },
  { properties: { kind: { enum: ['b'] }, y: { type: 'number' } }, required: ['y'] }] } } },
  { kind: 'a' }, { kind: 'a', x: 's' }, { kind: 'b', y: 's' }, { kind: 'c' }, {});
add({ items: { type: 'string', minLength: 2 } }, [], ['ab', 'a', 3], {}, 'x');
add({ items: [{ type: 'string' }, { type: 'number' }] }, ['a', 1, true], [1, 'a']);
add({ items: [{ type: 'string' }], additionalItems: false }, ['a'], ['a', 1, 2]);
add({ items: [{ type: 'string' }], additionalItems: { type: 'number' } }, ['a', 1, 'x']);
add({ items: [true, false] }, [1], [1, 2], [1, 2, 3]);
add({ items: false }, [], [1, 2]);
add({ additionalItems: false }, [1]);
add({ contains: { const: 3 } }, [1, 2, 3], [1], [], 'x');
add({ minItems: 1, maxItems: 2, uniqueItems: true }, [], [1, 1], [1, 2, 3], [{ a: 1, b: [2] }, { b: [2], a: 1 }], ['1', 1], [null, null], [[1, 2], [2, 1]]);
add({ uniqueItems: false }, [1, 1]);
add({ minimum: 1, maximum: 3 }, 0, 1, 3, 3.5, '0');
add({ minimum: 1, exclusiveMinimum: true, maximum: 3, exclusiveMaximum: true }, 1, 3, 2);
add({ minimum: 1, exclusiveMinimum: false }, 1);
add({ exclusiveMinimum: 1, exclusiveMaximum: 3 }, 1, 3, 2);
add({ minimum: 1e21, maximum: 1e-7 }, 0, 1);
add({ multipleOf: 0.1 }, 0.3, 0.35, 7, 'x');
add({ multipleOf: 3 }, 9, 10, 1e20);
add({ divisibleBy: 2 }, 3, 4);
add({ multipleOf: 0 }, 1);
add({ multipleOf: 0.000001 }, 0.0000015, 1.5);
add({ minLength: 2, maxLength: 3 }, 'a', 'ab', 'abcd', '😀', '😀😀', '😀😀😀😀', 5);
add({ pattern: '^[a-z0-9-]+$' }, 'good-name', 'Bad Name', '', 'trailing\n');
add({ pattern: '^.$' }, 'é', 'ab', '\n');
add({ pattern: 'a"b\\/' }, 'a"b/', 'x');
add({ pattern: '^(?!foo)\\w+(?<!bar)$' }, 'foobaz', 'quux', 'quxbar');
add({ pattern: '\\d+' }, 'x١', 'x1');
add({ pattern: '(' }, 'x', 5);
add({ pattern: '^\\p{Lu}' }, 'Éa', 'éa');
const dates = ['2026-11-22', '2026-02-31', '2026-13-01', '2026-1-1', '2026-00-10', '2026-01-32', 'x'];
add({ format: 'date' }, ...dates, 5);
add({ format: 'time' }, '10:11:12', '24:00:00', '25:00:00', '10:11:60', '10:11', '10:11:12Z');
add({ format: 'date-time' }, '2026-11-22T10:11:12Z', '2026-11-22 10:11:12z', '2026-02-31T10:11:12.5+02:00', '2026-11-22T10:11:12', '2026-11-22', '2026-11-22T24:11:60-23:60', '2026-11-22T10:11:12+60:00');
add({ format: 'email' }, 'a@b.c', 'a.b+c@example.org', 'a@localhost', '@b.c', 'a@', 'a b@c.de', '.a@b.c', 'a@b..c', 'a@[127.0.0.1]', 'a@-b.c', "o'neil@example.org");
add({ format: 'ipv4' }, '127.0.0.1', '256.1.1.1', '1.2.3', '01.002.3.4', '1.2.3.4.5');
add({ format: 'ip-address' }, '127.0.0.1', 'x');
add({ format: 'ipv6' }, '::1', '2001:db8::7', '1::2::3', '127.0.0.1', '::ffff:1.2.3.4', 'fe80::1%eth0', ' ::1 ');
add({ format: 'uri' }, 'https://example.org/a?b#c', 'mailto:x@y', 'no scheme', '/relative', 'a:', '1a:b', 'http://exa mple', 'https://[bad');
add({ format: 'iri' }, 'https://exämple.org/', 'x y:z');
add({ format: 'hostname' }, 'example.org', 'localhost', '-a', 'a-', 'a..b', 'a_b', 'example.org.', 'x'.repeat(64), '');
add({ format: 'host-name' }, 'example.org', 'a_b');
add({ format: 'uuid' }, '7f1c6f0e-5b1a-4d5e-9a4e-0d1f2a3b4c5d', '7F1C6F0E-5B1A-4D5E-9A4E-0D1F2A3B4C5D', '7f1c6f0e5b1a4d5e9a4e0d1f2a3b4c5d');
add({ format: 'color' }, '#fff', '#ffffff', 'fff', 'red', 'reddish', 'rgb(1,2,3)', 'rgb(300,2,3)', 'rgb(1%, 2%, 100%)', '#ff');
add({ format: 'phone' }, '+31 42 123 4567', '0123', '+1');
add({ format: 'alpha' }, 'abc', 'a1', '');
add({ format: 'alphanumeric' }, 'a1', 'a-1');
add({ format: 'utc-millisec' }, '123', '12.5', 'x', '-3');
add({ format: 'regex' }, '^a$', '(');
add({ format: 'duration' }, 'P1D', 'PT1H', 'P1Y2M3D', '1D', 'x P1W', 'P', 'pt5m');
add({ format: 'json-pointer' }, '', '/a/b~0~1', 'a', '/a~2');
add({ format: 'relative-json-pointer' }, '0', '1/a', '0#', '/a');

add({ format: 'unheard-of' }, 'x');
add({ format: 'uri-template' }, 'anything {');
add({ format: 'uri-reference' }, '../a?b#c', 'https://x/y', 'a b', 'é', '');
add({ allOf: [{ type: 'string' }, { title: 'Longish', minLength: 3 }, { $id: 'http://x/y', maxLength: 1 }] }, 'ab', 5, 'abc');
add({ allOf: [{ required: ['a'] }, { properties: { b: { type: 'number' } } }] }, {}, { a: 1, b: 'x' });
add({ anyOf: [{ type: 'string' }, { title: 'A "number"', type: 'number' }, { id: 'list', type: 'array' }] }, true, 'x', {});
add({ oneOf: [{ type: 'integer' }, { minimum: 2 }, { id: 'never', const: 'x' }] }, 1, 2, 1.5, 'x');
add({ oneOf: [{ $ref: '#/definitions/s' }, { title: 'T', const: 1 }], definitions: { s: { type: 'string' } } }, 1, 'a', true);
add({ not: { type: 'string' } }, 'x', 1);
add({ not: 'string' }, 'x', 1);
add({ not: ['string', { id: 'five', const: 5 }] }, 'x', 5, 6);
add({ not: { title: 'Never', minimum: 3 } }, 3, 2);
add({ not: {} }, 1);
add({ not: true }, 1);
add({ not: false }, 1);
add({ disallow: 'string' }, 'x', 1);
add({ properties: { a: { not: { const: 1 } } } }, {}, { a: 1 });
add({ if: { properties: { kind: { const: 'a' } }, required: ['kind'] }, then: { required: ['x'] }, else: { required: ['y'] } },
  { kind: 'a' }, { kind: 'b' }, { kind: 'a', x: 1 }, { y: 1 });
add({ if: { type: 'string' }, then: false }, 'x', 1);
add({ if: { type: 'string' }, else: { minimum: 3 } }, 'x', 1);
add({ if: true, then: { type: 'null' } }, 1);
add({ then: { type: 'null' } }, 1);
add({ definitions: { tree: { properties: { left: { $ref: '#/definitions/tree' }, value: { type: 'number' } } } }, $ref: '#/definitions/tree' },
  { left: { left: { value: 'x' } } }, { value: 1 });
add({ properties: { self: { $ref: '#' }, n: { type: 'number' } } }, { self: { self: { n: 'x' } } });
add({ definitions: { 'a/b': { type: 'string' }, 'c~d': { type: 'string' }, 'e f': { type: 'string' } },
  properties: { x: { $ref: '#/definitions/a~1b' }, y: { $ref: '#/definitions/c~0d' }, z: { $ref: '#/definitions/e%20f' } } }, { x: 1, y: 2, z: 3 });
add({ items: [{ type: 'string' }, { $ref: '#/items/0' }] }, ['a', 1]);
add({ $ref: '#/definitions/nowhere' }, 1);
add({ $ref: 'http://elsewhere/schema' }, 1);
add({ $id: 'http://x/root', definitions: { s: { type: 'string' } }, properties: { a: { $ref: '#/definitions/s' } } }, { a: 1 });
add({ id: 'root', type: 'string' }, 1);
add({ title: 'Page', description: 'd', default: 1, examples: [1], 'ui:field': 'X', 'ui:options': { type: 'string' }, type: 'object' }, {}, 1);
add({ properties: { list: { type: 'array', items: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } } } },
  { list: [{ id: 1 }, {}, { id: 'x' }, 5] });
add({ properties: { a: null } }, {});
add({ enum: 'x' }, 1);
add({ allOf: {} }, 1);
add({ type: null }, 1);
add({ anyOf: [] }, 1);
add({ oneOf: [] }, 1);
add({ type: [] }, 1);
add({ minLength: 3, pattern: '^b', enum: ['x'] }, 'a');
add({ enum: ['x'], pattern: '^b', minLength: 3 }, 'a');

// A small generator with a seed of its own, so that the file can be made again.
let seed = 42;
const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
const pick = list => list[random(list.length)];
const scalar = () => pick([null, true, false, 0, 1, 2, 2.5, -3, 'a', 'bb', 'ccc', '']);
const instance = depth => {
  const roll = random(10);
  if (depth <= 0 || roll < 5) return scalar();
  if (roll < 7) return Array.from({ length: random(4) }, () => instance(depth - 1));
  return Object.fromEntries(['a', 'b', 'c', 'x-y', '3', 'e.f'].filter(() => random(2)).map(k => [k, instance(depth - 1)]));
};
const makers = {
  type: () => pick(['string', 'number', 'integer', 'object', 'array', 'boolean', ['string', 'null'], ['integer', 'object']]),
  enum: () => [scalar(), scalar(), 'a'], const: () => instance(1),
  required: () => ['a', 'b', 'c'].filter(() => random(2)),
  properties: d => ({ a: schema(d - 1), b: schema(d - 1), 3: schema(d - 1) }),
  patternProperties: d => ({ '^[x3]': schema(d - 1) }), additionalProperties: d => pick([false, true, schema(d - 1)]),
  items: d => pick([schema(d - 1), [schema(d - 1), schema(d - 1)]]), additionalItems: d => pick([false, schema(d - 1)]),
  contains: d => schema(d - 1), minItems: () => random(3), maxItems: () => random(3), uniqueItems: () => true,
  minimum: () => random(3), exclusiveMaximum: () => random(3), multipleOf: () => pick([0.5, 2, 3]),
  minLength: () => random(3), maxLength: () => random(3), pattern: () => pick(['^a', 'b$', 'c{2}']),
  propertyNames: () => pick([{ minLength: 2 }, { pattern: '^[a-z]' }]), minProperties: () => random(3), maxProperties: () => random(3),
  dependencies: d => ({ a: pick([['b'], ['b', 'c'], schema(d - 1)]) }),
  allOf: d => [schema(d - 1), schema(d - 1)], anyOf: d => [schema(d - 1), schema(d - 1)], oneOf: d => [schema(d - 1), schema(d - 1)],
  not: d => schema(d - 1), if: d => schema(d - 1), then: d => schema(d - 1), else: d => schema(d - 1),
  title: () => 'Titled', id: () => 'named-' + random(1000000),
};
const names = Object.keys(makers);
const schema = depth => {
  if (depth <= 0) return { type: pick(['string', 'integer', 'object']) };
  if (random(20) === 0) return pick([true, false]);
  const made = {};
  for (let n = 1 + random(4); n > 0; n--) {
    const name = pick(names);
    made[name] = makers[name](depth);
  }
  return made;
};
for (let i = 0; i < 600; i++) add(schema(3), instance(3));

// The nested result that allOf's argument repeats is left out.
const plain = (key, value) => (key === 'argument' && value && value.valid ? { id: value.id, length: value.length } : value);
for (const pair of pairs) {
  const before = JSON.stringify(pair);
  let told;
  try {
    told = { errors: new jsonschema.Validator().validate(pair.instance, pair.schema).errors };
  } catch {
    told = { impossible: true };
  }
  process.stdout.write(JSON.stringify({ ...JSON.parse(before), ...told }, plain) + '\n');
}
