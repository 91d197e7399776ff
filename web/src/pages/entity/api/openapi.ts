import { type ApiModel, DefinitionError, type Group, type Item, type Parameter, type Part, type Server } from './model';
import { asList, asObject, asText, isObject, type Plain, resolve, some } from './plain';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'];

/** Reads OpenAPI 3 and its ancestor Swagger 2. */
export function readOpenApi(root: Plain): ApiModel {
  if (asText(root.openapi) === undefined && asText(root.swagger) === undefined) {
    throw new DefinitionError('It has neither “openapi” nor “swagger” with a version, so it is not OpenAPI.');
  }
  const info = asObject(root.info);
  return {
    ...some('title', asText(info.title)),
    ...some('version', asText(info.version)),
    ...some('description', asText(info.description)),
    servers: serversOf(root),
    groups: [
      ...byTag(root),
      ...group(
        'Webhooks',
        itemsOf(asObject(root.webhooks), root, 'webhook ').map(({ item }) => item),
      ),
      ...group('Schemas', schemasOf(asObject(root.components).schemas ?? root.definitions)),
    ],
    root,
  };
}

function group(name: string, items: Item[]): Group[] {
  return items.length > 0 ? [{ name, items }] : [];
}

export function schemasOf(schemas: unknown): Item[] {
  return Object.entries(asObject(schemas)).map(([name, schema]) => ({
    id: `schema ${name}`,
    badge: 'schema',
    name,
    ...some('summary', asText(asObject(schema).title)),
    ...some('description', asText(asObject(schema).description)),
    ...(asObject(schema).deprecated === true && { deprecated: true }),
    parts: [{ title: 'Values', schema }],
  }));
}

function serversOf(root: Plain): Server[] {
  const { host, basePath, schemes } = root;
  if (typeof host === 'string') {
    const path = asText(basePath) ?? '';
    return (asList(schemes).length > 0 ? asList(schemes) : ['https']).map((scheme) => ({
      url: `${scheme}://${host}${path}`,
    }));
  }
  return asList(root.servers).flatMap((server) => {
    const { url, description } = asObject(server);
    return typeof url === 'string' ? [{ url, ...some('description', asText(description)) }] : [];
  });
}

interface Tagged {
  tag: string | undefined;
  item: Item;
}

/** The operations by their first tag, in the order of the document. */
function byTag(root: Plain): Group[] {
  const groups = new Map<string, Group>();
  for (const tag of asList(root.tags)) {
    const { name, description } = asObject(tag);
    if (typeof name === 'string') groups.set(name, { name, ...some('description', asText(description)), items: [] });
  }
  for (const { tag = 'Operations', item } of itemsOf(asObject(root.paths), root, '')) {
    const known = groups.get(tag) ?? { name: tag, items: [] };
    known.items.push(item);
    groups.set(tag, known);
  }
  return [...groups.values()].filter(({ items }) => items.length > 0);
}

function itemsOf(paths: Plain, root: Plain, prefix: string): Tagged[] {
  return Object.entries(paths).flatMap(([path, value]) => {
    const entry = resolve(value, root);
    return methods
      .filter((method) => isObject(entry[method]))
      .map((method): Tagged => {
        const operation = asObject(entry[method]);
        return {
          tag: asText(asList(operation.tags)[0]),
          item: {
            id: `${prefix}${method} ${path}`,
            badge: method,
            name: path,
            ...some('summary', asText(operation.summary) ?? asText(operation.operationId)),
            ...some('description', asText(operation.description)),
            ...(operation.deprecated === true && { deprecated: true }),
            parts: partsOf(operation, asList(entry.parameters), root),
          },
        };
      });
  });
}

function partsOf(operation: Plain, shared: readonly unknown[], root: Plain): Part[] {
  const all = new Map<string, Plain>();
  for (const each of [...shared, ...asList(operation.parameters)]) {
    const parameter = resolve(each, root);
    all.set(`${parameter.in} ${parameter.name}`, parameter);
  }
  const parameters = [...all.values()];
  const plain = parameters.filter((parameter) => parameter.in !== 'body' && parameter.in !== 'formData');
  const form = parameters.filter((parameter) => parameter.in === 'formData');
  return [
    ...ofParameters('Parameters', plain),
    ...parameters.filter((parameter) => parameter.in === 'body').map(swaggerBody),
    ...ofParameters('Form', form),
    ...bodyOf(resolve(operation.requestBody, root), root),
    ...Object.entries(asObject(operation.responses)).flatMap(([status, response]) =>
      responseOf(status, resolve(response, root), root),
    ),
    ...securityOf(operation.security ?? root.security),
  ];
}

function ofParameters(title: string, parameters: readonly Plain[]): Part[] {
  return parameters.length > 0 ? [{ title, parameters: parameters.map(parameterOf) }] : [];
}

function parameterOf(parameter: Plain): Parameter {
  const [content] = Object.values(asObject(parameter.content));
  return {
    name: asText(parameter.name) ?? '?',
    ...some('place', asText(parameter.in)),
    required: parameter.required === true,
    deprecated: parameter.deprecated === true,
    ...some('description', asText(parameter.description)),
    // Swagger 2 has the type in the parameter itself.
    schema: parameter.schema ?? asObject(content).schema ?? withoutOwn(parameter),
  };
}

/** What a parameter of Swagger 2 says of its value. Its own `required` is not a list of names. */
function withoutOwn({ name: _, in: __, required: ___, ...schema }: Plain): Plain {
  return schema;
}

function swaggerBody(parameter: Plain): Part {
  return {
    title: 'Body',
    ...(parameter.required === true && { note: 'required' }),
    ...some('description', asText(parameter.description)),
    schema: parameter.schema,
  };
}

function bodyOf(body: Plain, root: Plain): Part[] {
  const required = body.required === true ? ['required'] : [];
  return contentOf(body.content, root).map(({ type, schema }) => ({
    title: 'Body',
    note: [type, ...required].join(', '),
    ...some('description', asText(body.description)),
    schema,
  }));
}

function contentOf(content: unknown, root: Plain): { type: string; schema: unknown }[] {
  return Object.entries(asObject(content)).map(([type, media]) => ({ type, schema: resolve(media, root).schema }));
}

function responseOf(status: string, response: Plain, root: Plain): Part[] {
  const title = `Response ${status}`;
  const description = some('description', asText(response.description));
  const contents = contentOf(response.content, root);
  const headers = Object.entries(asObject(response.headers)).map(([name, header]): Parameter => {
    const resolved = resolve(header, root);
    return { ...parameterOf({ ...resolved, name }), place: 'header' };
  });
  const head: Part[] = headers.length > 0 ? [{ title, note: 'headers', parameters: headers }] : [];
  if (contents.length === 0) return [{ title, ...description, ...some('schema', response.schema) }, ...head];
  return [...contents.map(({ type, schema }) => ({ title, note: type, ...description, schema })), ...head];
}

function securityOf(security: unknown): Part[] {
  const ways = asList(security).map((way) =>
    Object.entries(asObject(way))
      .map(([name, scopes]) => (asList(scopes).length > 0 ? `${name} (${asList(scopes).join(', ')})` : name))
      .join(' and '),
  );
  if (ways.length === 0) return [];
  return [{ title: 'Security', description: ways.map((way) => way || 'none').join(', or ') }];
}
