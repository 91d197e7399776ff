import { describe, expect, it } from 'vitest';
import { readEvents } from './events';

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

async function idsOf(stream: ReadableStream<Uint8Array>): Promise<number[]> {
  const ids: number[] = [];
  for await (const event of readEvents<{ id: number }>(stream)) ids.push(event.id);
  return ids;
}

describe('readEvents', () => {
  it.each([
    ['whole events', ['event: log\ndata: {"id":1}\n\nevent: log\ndata: {"id":2}\n\n']],
    ['events cut anywhere', ['event: lo', 'g\nda', 'ta: {"id":1}\n', '\nevent: log\ndata: {"id":2}\n\n']],
    ['comments, ids and carriage returns', [': ping\n\nid: 9\r\ndata: {"id":1}\r\n\r\ndata: {"id":2}\n\n']],
    ['data on several lines', ['data: {"id":\ndata: 1}\n\ndata: {"id":2}\n\n']],
    ['an event that never ends', ['data: {"id":1}\n\ndata: {"id":2}\n\ndata: {"id":3']],
  ])('reads %s', async (_, chunks) => {
    expect(await idsOf(streamOf(...chunks))).toEqual([1, 2]);
  });
});
