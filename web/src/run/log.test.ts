// @vitest-environment happy-dom
import { describe, expect, it, vi } from 'vitest';
import type { TaskEvent } from '@/api/types';
import { linesOf, RunLog } from './log';

function event(id: number, body: TaskEvent['body'], type: TaskEvent['type'] = 'log'): TaskEvent {
  return { id, isTaskRecoverable: false, taskId: 't', type, createdAt: '2026-11-22T10:00:00Z', body };
}

describe('linesOf', () => {
  it('removes the level from the message and splits it into lines', () => {
    const lines = linesOf(
      event(7, { message: '\u001b[33mwarn\u001b[39m: one\n\u001b[1mtwo\u001b[22m\n', stepId: 'a' }),
    );
    expect(lines).toMatchObject([
      { key: '7:0', level: 'warn', text: 'one', about: false, continues: false },
      { key: '7:1', level: 'warn', text: 'two', about: false, continues: true },
    ]);
  });

  it('distinguishes lines of the run itself', () => {
    expect(linesOf(event(1, { message: 'Beginning step A', stepId: 'a', status: 'processing' }))[0]?.about).toBe(true);
    expect(linesOf(event(2, { message: 'boom', stepId: 'a', status: 'failed' }))[0]?.level).toBe('error');
  });
});

it('shows a cancelled step without an error', () => {
  const message = 'Error: Step rest (Rest) of task t has been cancelled.';
  const [line] = linesOf(event(1, { message, stepId: 'rest', status: 'failed' }));
  expect(line).toMatchObject({ level: 'info', text: 'Step rest (Rest) of task t has been cancelled.', about: true });
  expect(linesOf(event(2, { message: 'Error: no', stepId: 'rest', status: 'failed' }))[0]?.level).toBe('error');
});

describe('RunLog', () => {
  it('keeps each event once, in order, whole and by step', async () => {
    const log = new RunLog();
    const changed = vi.fn();
    log.subscribe(changed);
    for (const fresh of [event(1, { message: 'start' }), event(2, { message: 'a', stepId: 'a' })]) log.add(fresh);
    log.add(event(2, { message: 'a', stepId: 'a' }));
    await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce());
    expect(log.all().map((line) => line.text)).toEqual(['start', 'a']);
    expect(log.ofStep('a').map((line) => line.text)).toEqual(['a']);
    expect(log.lastId).toBe(2);
  });
});
