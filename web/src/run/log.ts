import type { TaskEvent } from '@/api/types';
import { stripAnsi } from './ansi';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line of a log. A message of several lines is several of these. */
export interface LogLine {
  /** The event's id and the line's place in it; stable across reconnects. */
  key: string;
  at: string;
  level: Level;
  /** Whether the line continues a message of several lines. */
  continues: boolean;
  /** A line of the run itself, not of an action: a step began, ended or was skipped. */
  about: boolean;
  stepId: string | undefined;
  /** The text with its colours, without the level. */
  raw: string;
  /** The text without escapes, for searching and copying. */
  text: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: loggers colour the level with escapes
const levelPrefix = /^(?:\u001b\[[0-9;]*m)*(debug|verbose|info|warn|warning|error)(?:\u001b\[[0-9;]*m)*: /;
const levels: Record<string, Level> = {
  debug: 'debug',
  verbose: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
};

export function linesOf(event: TaskEvent): LogLine[] {
  const { message = '', stepId, status } = event.body;
  const cancelled = isCancellation(event);
  const prefix = (cancelled ? errorName : levelPrefix).exec(message);
  const level = levels[prefix?.[1] ?? ''] ?? (status === 'failed' && !cancelled ? 'error' : 'info');
  const words =
    event.type === 'recovered'
      ? 'Retried: continuing from the step that failed'
      : message.slice(prefix?.[0].length ?? 0);
  return words
    .trimEnd()
    .split('\n')
    .map((raw, index) => ({
      key: `${event.id}:${index}`,
      at: event.createdAt,
      level,
      continues: index > 0,
      about: event.type !== 'log' || status !== undefined,
      stepId,
      raw,
      text: stripAnsi(raw),
    }));
}

const errorName = /^Error: /;

/**
 * Whether a step ended because the run was cancelled. Backstage's events report this as a failure with this
 * message.
 */
function isCancellation({ taskId, body: { message, status } }: TaskEvent): boolean {
  return status === 'failed' && message?.endsWith(` of task ${taskId} has been cancelled.`) === true;
}

const none: readonly LogLine[] = [];

/**
 * The lines of one run as they arrive, all and by step. Readers subscribe. Lists are replaced, never mutated,
 * at most once per frame, so that a burst of ten thousand lines causes only a few renders.
 */
export class RunLog {
  /** The newest event, after which a reconnect continues. */
  lastId: number | undefined;

  #all: readonly LogLine[] = none;
  #bySteps = new Map<string, readonly LogLine[]>();
  #pending: LogLine[] = [];
  #listeners = new Set<() => void>();

  add(event: TaskEvent): void {
    if (this.lastId !== undefined && event.id <= this.lastId) return;
    this.lastId = event.id;
    if (this.#pending.length === 0) requestAnimationFrame(() => this.#flush());
    this.#pending.push(...linesOf(event));
  }

  all = (): readonly LogLine[] => this.#all;

  ofStep(stepId: string): readonly LogLine[] {
    return this.#bySteps.get(stepId) ?? none;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #flush(): void {
    const fresh = this.#pending;
    this.#pending = [];
    this.#all = [...this.#all, ...fresh];
    for (const stepId of new Set(fresh.map((line) => line.stepId))) {
      if (stepId === undefined) continue;
      this.#bySteps.set(stepId, [...this.ofStep(stepId), ...fresh.filter((line) => line.stepId === stepId)]);
    }
    for (const listener of this.#listeners) listener();
  }
}
