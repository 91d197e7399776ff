import { type ApiModel, DefinitionError, type Group, type Item, type Part } from './model';
import { asList, asObject, asText, type Plain, some } from './plain';

/** Reads what an MCP server answers when it is asked for its tools, resources and prompts. */
export function readMcp(root: Plain): ApiModel {
  // Answers are often kept whole, as of JSON-RPC.
  const answer = Object.keys(asObject(root.result)).length > 0 ? asObject(root.result) : root;
  const groups: Group[] = [
    { name: 'Tools', items: asList(answer.tools).map(toolItem) },
    { name: 'Resources', items: [...asList(answer.resources), ...asList(answer.resourceTemplates)].map(resourceItem) },
    { name: 'Prompts', items: asList(answer.prompts).map(promptItem) },
  ].filter(({ items }) => items.length > 0);
  if (groups.length === 0)
    throw new DefinitionError('It has no “tools”, “resources” or “prompts”, so it is not of an MCP server.');
  const info = asObject(answer.serverInfo);
  return {
    ...some('title', asText(info.title) ?? asText(info.name) ?? asText(answer.name)),
    ...some('version', asText(info.version) ?? asText(answer.version)),
    ...some('description', asText(answer.instructions) ?? asText(answer.description)),
    servers: [],
    groups,
    root,
  };
}

function nameOf(value: Plain, index: number): string {
  return asText(value.name) ?? String(index + 1);
}

function toolItem(value: unknown, index: number): Item {
  const tool = asObject(value);
  const hints = asObject(tool.annotations);
  const name = nameOf(tool, index);
  return {
    id: `tool ${name}`,
    badge: 'tool',
    name,
    ...some('summary', asText(tool.title) ?? asText(hints.title)),
    ...some('description', asText(tool.description)),
    parts: [...schemaPart('Input', tool.inputSchema), ...schemaPart('Output', tool.outputSchema), ...hintsPart(hints)],
  };
}

function schemaPart(title: string, schema: unknown): Part[] {
  return schema === undefined ? [] : [{ title, schema }];
}

const hintWords: Record<string, [yes: string, no: string]> = {
  readOnlyHint: ['It changes nothing.', 'It changes something.'],
  destructiveHint: ['It may delete or overwrite.', 'It only adds.'],
  idempotentHint: ['Calling it again changes nothing more.', 'Calling it again may do it again.'],
  openWorldHint: ['It deals with outside systems.', 'It stays within its own system.'],
};

/** What the server says of a tool. Nobody checks it. */
function hintsPart(hints: Plain): Part[] {
  const said = Object.entries(hintWords).flatMap(([key, [yes, no]]) =>
    typeof hints[key] === 'boolean' ? [hints[key] ? yes : no] : [],
  );
  return said.length > 0 ? [{ title: 'According to the server', description: said.join(' ') }] : [];
}

function resourceItem(value: unknown, index: number): Item {
  const resource = asObject(value);
  const name = asText(resource.uri) ?? asText(resource.uriTemplate) ?? nameOf(resource, index);
  return {
    id: `resource ${name}`,
    badge: 'resource',
    name,
    ...some('summary', asText(resource.title) ?? asText(resource.name)),
    ...some(
      'description',
      [asText(resource.description), asText(resource.mimeType)].filter(Boolean).join('\n\n') || undefined,
    ),
    parts: [],
  };
}

function promptItem(value: unknown, index: number): Item {
  const prompt = asObject(value);
  const name = nameOf(prompt, index);
  const parameters = asList(prompt.arguments).map((each) => {
    const argument = asObject(each);
    return {
      name: asText(argument.name) ?? '?',
      required: argument.required === true,
      ...some('description', asText(argument.description)),
      schema: { type: 'string' },
    };
  });
  return {
    id: `prompt ${name}`,
    badge: 'prompt',
    name,
    ...some('summary', asText(prompt.title)),
    ...some('description', asText(prompt.description)),
    parts: parameters.length > 0 ? [{ title: 'Arguments', parameters }] : [],
  };
}
