/** A server-sent event: its name, which is message if it has none, and its `data`, parsed. */
export interface ServerEvent {
  event: string;
  data: unknown;
}

/** The `data` of server-sent events; see readNamedEvents. */
export async function* readEvents<Data>(body: ReadableStream<Uint8Array>): AsyncGenerator<Data> {
  for await (const { data } of readNamedEvents(body)) yield data as Data;
}

/**
 * Reads server-sent events from chunks of any size. It skips comments and other fields than the name and the `data` of an
 * event. It ends when the server closes the stream.
 */
export async function* readNamedEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll('\r\n', '\n')).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = parseBlock(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parseBlock(block: string): ServerEvent | undefined {
  const lines = block.split('\n');
  const data = valuesOf(lines, 'data').join('\n');
  return data ? { event: valuesOf(lines, 'event')[0] ?? 'message', data: JSON.parse(data) } : undefined;
}

function valuesOf(lines: readonly string[], field: string): string[] {
  return lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart());
}
