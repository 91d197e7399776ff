import { type ApiModel, DefinitionError, type Group, type Item, type Parameter, type Part, type Server } from './model';
import { schemasOf } from './openapi';
import { asList, asObject, asText, isObject, nameOfRef, type Plain, resolve, some } from './plain';

/** Reads AsyncAPI 2 and 3. */
export function readAsyncApi(root: Plain): ApiModel {
  const version = asText(root.asyncapi);
  if (version === undefined) throw new DefinitionError('It has no “asyncapi” with a version, so it is not AsyncAPI.');
  const info = asObject(root.info);
  const channels = version.startsWith('2') ? channels2(root) : channels3(root);
  const schemas = schemasOf(asObject(root.components).schemas);
  const groups: Group[] = [
    { name: 'Channels', items: channels },
    { name: 'Schemas', items: schemas },
  ];
  return {
    ...some('title', asText(info.title)),
    ...some('version', asText(info.version)),
    ...some('description', asText(info.description)),
    servers: serversOf(root),
    groups: groups.filter(({ items }) => items.length > 0),
    root,
  };
}

function serversOf(root: Plain): Server[] {
  return Object.entries(asObject(root.servers)).map(([name, value]) => {
    const { url, host, protocol, pathname, description } = resolve(value, root);
    const address = asText(url) ?? `${asText(protocol) ?? ''}://${asText(host) ?? ''}${asText(pathname) ?? ''}`;
    return { url: address, description: [name, asText(description)].filter(Boolean).join(': ') };
  });
}

function channels2(root: Plain): Item[] {
  return Object.entries(asObject(root.channels)).flatMap(([name, value]) => {
    const channel = resolve(value, root);
    const ways = ['publish', 'subscribe'].filter((way) => isObject(channel[way]));
    return ways.map((way): Item => {
      const operation = resolve(channel[way], root);
      const message = resolve(operation.message, root);
      const messages = Array.isArray(message.oneOf) ? message.oneOf : [operation.message];
      return {
        id: `${way} ${name}`,
        badge: way,
        name,
        ...some('summary', asText(operation.summary) ?? asText(operation.operationId)),
        ...some('description', asText(operation.description) ?? asText(channel.description)),
        ...(operation.deprecated === true && { deprecated: true }),
        parts: [...parametersOf(channel, root), ...messages.flatMap((each) => messageParts('Message', each, root))],
      };
    });
  });
}

/** Each operation on its channel, then the channels without any. */
function channels3(root: Plain): Item[] {
  const used = new Set<Plain>();
  const operations = Object.entries(asObject(root.operations)).map(([name, value]): Item => {
    const operation = resolve(value, root);
    const channel = resolve(operation.channel, root);
    used.add(channel);
    const messages = asList(operation.messages);
    const reply = resolve(operation.reply, root);
    return {
      id: `operation ${name}`,
      badge: asText(operation.action) ?? 'operation',
      name: asText(channel.address) ?? nameOfRef(asObject(operation.channel).$ref) ?? name,
      ...some('summary', asText(operation.summary) ?? asText(operation.title) ?? name),
      ...some('description', asText(operation.description) ?? asText(channel.description)),
      ...(operation.deprecated === true && { deprecated: true }),
      parts: [
        ...parametersOf(channel, root),
        ...(messages.length > 0 ? messages : Object.values(asObject(channel.messages))).flatMap((message) =>
          messageParts('Message', message, root),
        ),
        ...asList(reply.messages).flatMap((message) => messageParts('Reply', message, root)),
      ],
    };
  });
  const others = Object.entries(asObject(root.channels)).flatMap(([name, value]): Item[] => {
    const channel = resolve(value, root);
    if (used.has(channel)) return [];
    return [
      {
        id: `channel ${name}`,
        badge: 'channel',
        name: asText(channel.address) ?? name,
        ...some('summary', asText(channel.summary) ?? asText(channel.title)),
        ...some('description', asText(channel.description)),
        parts: [
          ...parametersOf(channel, root),
          ...Object.entries(asObject(channel.messages)).flatMap(([key, message]) =>
            messageParts('Message', message, root, key),
          ),
        ],
      },
    ];
  });
  return [...operations, ...others];
}

function parametersOf(channel: Plain, root: Plain): Part[] {
  const parameters = Object.entries(asObject(channel.parameters)).map(([name, value]): Parameter => {
    const { description, schema, ...rest } = resolve(value, root);
    return {
      name,
      required: true,
      ...some('description', asText(description)),
      schema: schema ?? { type: 'string', ...rest },
    };
  });
  return parameters.length > 0 ? [{ title: 'Parameters', parameters }] : [];
}

function messageParts(title: string, value: unknown, root: Plain, key?: string): Part[] {
  const message = resolve(value, root);
  if (Object.keys(message).length === 0) return [];
  const name = asText(message.name) ?? asText(message.title) ?? nameOfRef(asObject(value).$ref) ?? key;
  const type = asText(message.contentType);
  const description = asText(message.description) ?? asText(message.summary);
  const headers: Part[] = message.headers
    ? [{ title: `${title}${name ? ` ${name}` : ''}`, note: 'headers', schema: schemaIn(message.headers) }]
    : [];
  return [
    {
      title: `${title}${name ? ` ${name}` : ''}`,
      ...some('note', type),
      ...some('description', description),
      ...some('schema', schemaIn(message.payload)),
    },
    ...headers,
  ];
}

/** AsyncAPI 3 may name the format of a schema around it. */
function schemaIn(payload: unknown): unknown {
  const { schemaFormat, schema } = asObject(payload);
  return typeof schemaFormat === 'string' && schema !== undefined ? schema : payload;
}
