import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type {
  Effect,
  Entity,
  JsonObject,
  RunDetail,
  RunPhase,
  RunStep,
  Task,
  TaskEvent,
  TemplateStep,
} from '../src/api/types';
import { allEntities } from './mock-catalog.ts';

export interface MockRun extends RunDetail {
  values: JsonObject;
  written: Task['spec']['steps'];
  events: TaskEvent[];
  listeners: Set<() => void>;
  timer?: NodeJS.Timeout | undefined;
  failsAt?: string | undefined;
}

const green = (text: string) => `\u001b[32minfo\u001b[39m: ${text}`;
const warning = (text: string) => `\u001b[33mwarn\u001b[39m: ${text}`;

/**
 * Simulated runs, which take about a second for each step. The name decides: "fail" in it fails the publish
 * step, "loud" writes 10,000 log lines.
 */
export class MockRuns {
  #runs: MockRun[] = [];
  #nextEvent = 1;

  constructor() {
    for (const age of [86_400_000, 7_200_000, 3_600_000, 1_800_000, 900_000, 300_000, 60_000]) this.#past(age);
  }

  find(id: string): MockRun | undefined {
    return this.#runs.find((run) => run.id === id);
  }

  start(template: Entity, values: JsonObject): MockRun {
    const run = this.#make(template, values, new Date());
    this.#say(run, `Starting up task with ${run.steps.length} steps`);
    this.#advance(run, 0);
    return run;
  }

  retry(run: MockRun): { id: string } {
    run.failsAt = undefined;
    delete run.error;
    delete run.finishedAt;
    run.moves = [cancel];
    this.#phase(run, 'processing', 'running');
    this.#emit(run, 'recovered', {});
    const failed = run.steps.findIndex((step) => step.status === 'failed');
    this.#advance(run, Math.max(0, failed));
    return { id: run.id };
  }

  cancel(run: MockRun): { status: string } {
    clearTimeout(run.timer);
    const step = run.steps.find(({ status }) => status === 'processing');
    if (step) Object.assign(step, { status: 'cancelled', endedAt: new Date().toISOString() });
    this.#emit(run, 'cancelled', {
      message: `Step ${step?.id} has been cancelled.`,
      stepId: step?.id ?? '',
      status: 'cancelled',
    });
    run.finishedAt = new Date().toISOString();
    run.moves = [retry, rollback];
    this.#phase(run, 'failed', 'cancelled');
    this.#emit(run, 'completion', { message: 'Run completed with status: failed' });
    return { status: 'cancelled' };
  }

  rollBack(run: MockRun): { id: string } {
    run.moves = [];
    this.#phase(run, 'failed', 'rollingBack');
    const undo = () => {
      const effect = run.effects.findLast(({ state }) => state === 'created');
      if (!effect) return this.#phase(run, 'failed', 'rolledBack');
      effect.state = 'undone';
      this.#say(run, green(`Undone: ${effect.kind} ${effect.name}`), effect.stepId);
      run.timer = setTimeout(undo, 1500);
    };
    run.timer = setTimeout(undo, 1500);
    return { id: run.id };
  }

  detail({
    values: _,
    written: __,
    events: ___,
    listeners: ____,
    timer: _____,
    failsAt: ______,
    ...run
  }: MockRun): RunDetail {
    return run;
  }

  task(run: MockRun): Task {
    return {
      id: run.id,
      status: run.status,
      createdAt: run.createdAt,
      spec: {
        apiVersion: 'scaffolder.backstage.io/v1beta3',
        steps: run.written,
        output: {},
        parameters: run.values,
        user: {},
        templateInfo: { entityRef: run.templateRef, entity: { metadata: { name: run.title } } },
      },
    };
  }

  list(query: URLSearchParams) {
    const [status, phase, template, by] = ['status', 'phase', 'template', 'createdBy'].map((key) => query.get(key));
    const all = this.#runs
      .filter(
        (run) =>
          (!status || run.status === status) &&
          (!phase || run.phase === phase) &&
          (!template || run.templateRef === template) &&
          (!by || run.createdBy === by),
      )
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    const offset = Number(query.get('offset') ?? 0);
    return {
      runs: all.slice(offset, offset + Number(query.get('limit') ?? 50)).map((run) => this.detail(run)),
      total: all.length,
    };
  }

  /** Failed runs by their message; the server also looks at the template and the step. */
  causes() {
    const failed = this.#runs.filter((run) => run.phase === 'parked').map((run) => this.detail(run));
    const messages = [...new Set(failed.map((run) => run.error?.message ?? ''))];
    const alike = messages.map((message) => ({
      message,
      runs: failed.filter((run) => (run.error?.message ?? '') === message),
    }));
    const causes = alike.map(({ message, runs }) => ({
      id: message,
      count: runs.length,
      message,
      templateRef: runs[0]?.templateRef,
      title: runs[0]?.title,
      runs: runs.slice(0, 5),
    }));
    return { causes, total: causes.length };
  }

  stream(id: string, after: number, response: ServerResponse): void {
    const run = this.find(id);
    if (!run) return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    let last = after;
    const send = () => {
      for (const event of run.events.filter((event) => event.id > last || event.type === 'completion')) {
        response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
        last = Math.max(last, event.id);
        if (event.type === 'completion') {
          run.listeners.delete(send);
          return void response.end();
        }
      }
    };
    run.listeners.add(send);
    response.on('close', () => run.listeners.delete(send));
    send();
  }

  #make(template: Entity, values: JsonObject, at: Date): MockRun {
    const written = ((template.spec?.steps ?? []) as TemplateStep[]).map((step, index) => ({
      ...step,
      id: step.id ?? `step-${index + 1}`,
      name: step.name ?? step.action,
    }));
    const subject = typeof values.name === 'string' ? values.name : '';
    const run: MockRun = {
      id: randomUUID(),
      templateRef: `template:default/${template.metadata.name}`,
      title: template.metadata.title ?? template.metadata.name,
      subject,
      status: 'processing',
      phase: 'running',
      createdBy: 'user:default/guest',
      createdAt: at.toISOString(),
      startedAt: at.toISOString(),
      timedFrom: at.toISOString(),
      commands: [],
      moves: [cancel],
      workflow: { id: 'w', runId: 'r', url: 'http://127.0.0.1:8233/namespaces/default/workflows/w' },
      steps: written.map(({ id, name, action }) => ({ id, name, action, status: 'open' as const, attempts: 0 })),
      effects: [],
      generation: 0,
      lastEventId: 0,
      values,
      written,
      events: [],
      listeners: new Set(),
      ...(subject.includes('fail') && { failsAt: 'publish' }),
    };
    this.#runs.push(run);
    return run;
  }

  #past(age: number): void {
    const template = allEntities.find(({ metadata }) => metadata.name === 'go-service');
    if (!template) return;
    const fails = age === 1_800_000 || age === 900_000;
    const run = this.#make(
      template,
      { name: fails ? 'ledger-fail' : `ledger-${age / 60_000}` },
      new Date(Date.now() - age),
    );
    for (const [index, step] of run.steps.entries()) {
      const begun = Date.now() - age + index * 1300;
      if (step.id === run.failsAt) {
        Object.assign(step, { startedAt: new Date(begun).toISOString() });
        this.#fail(run, step);
        break;
      }
      this.#finish(run, step, begun, begun + 1000 + index * 400);
    }
    if (!run.failsAt) this.#complete(run, Date.now() - age + 9000);
  }

  #advance(run: MockRun, index: number): void {
    const step = run.steps[index];
    if (!step) {
      this.#complete(run, Date.now());
      return;
    }
    const begun = Date.now();
    Object.assign(step, {
      status: 'processing',
      startedAt: new Date(begun).toISOString(),
      attempts: 1,
      input: run.written[index]?.input,
    });
    delete step.endedAt;
    delete step.error;
    this.#say(run, `Beginning step ${step.name}`, step.id, 'processing');
    if (String(run.values.name).includes('loud') && index === 0)
      for (let line = 0; line < 10_000; line++)
        this.#say(run, green(`Wrote file number ${line} of the skeleton`), step.id);
    this.#say(run, green(`Working on ${step.name} with values {\n  "name": "${run.values.name}"\n}`), step.id);
    this.#say(run, warning('The branch protection of the forge is not available'), step.id);
    run.timer = setTimeout(
      () => {
        if (step.id === run.failsAt) return this.#fail(run, step);
        this.#finish(run, step, begun, Date.now());
        this.#advance(run, index + 1);
      },
      900 + index * 500,
    );
  }

  #finish(run: MockRun, step: RunStep, begun: number, ended: number): void {
    const skipped = step.id === 'notify';
    Object.assign(step, {
      status: skipped ? 'skipped' : 'completed',
      startedAt: new Date(begun).toISOString(),
      endedAt: new Date(ended).toISOString(),
      attempts: 1,
      output: { done: true, at: new Date(ended).toISOString() },
    });
    if (step.id === 'publish')
      run.effects.push(this.#effect(run, step, 'repository', `acme/${run.values.name}`, 'https://example.com/acme'));
    if (step.id === 'register')
      run.effects.push(this.#effect(run, step, 'catalog location', `acme/${run.values.name}/catalog-info.yaml`));
    this.#say(
      run,
      skipped ? `Skipping step ${step.id} because its if condition was false` : `Finished step ${step.name}`,
      step.id,
      step.status,
    );
  }

  #effect(run: MockRun, { id: stepId, action }: RunStep, kind: string, name: string, url?: string): Effect {
    return {
      id: randomUUID(),
      runId: run.id,
      stepId,
      action,
      kind,
      name,
      key: name,
      state: 'created',
      intendedAt: new Date().toISOString(),
      ...(url && { url }),
    };
  }

  #fail(run: MockRun, step: RunStep): void {
    const error = {
      name: 'ConflictError',
      message: `The repository acme/${run.values.name} exists on git.localhost:7020 and was not made by this run.`,
      stepId: step.id,
      next: 'Delete or rename that repository, or start a run with another name; then retry.',
    };
    Object.assign(step, { status: 'failed', endedAt: new Date().toISOString(), attempts: 3, error });
    Object.assign(run, {
      error,
      failedStep: step.id,
      failedStepName: step.name,
      finishedAt: new Date().toISOString(),
      moves: [retry, rollback],
    });
    if (run.effects.length === 0)
      run.effects.push(
        this.#effect(run, step, 'webhook', 'git.localhost:7020/acme'),
        this.#effect(run, step, 'team access', 'team-a'),
      );
    this.#phase(run, 'failed', 'parked');
    this.#say(run, `ConflictError: ${error.message}`, step.id, 'failed');
    this.#emit(run, 'completion', { message: 'Run completed with status: failed' });
  }

  #complete(run: MockRun, at: number): void {
    Object.assign(run, {
      finishedAt: new Date(at).toISOString(),
      moves: [],
      output: {
        links: [
          { title: 'Repository', url: 'https://example.com/acme' },
          { title: 'In the catalog', entityRef: 'component:default/petstore-web' },
        ],
        text: [
          {
            title: 'What next',
            content: `Clone **${run.values.name}** and push to \`main\`; the pipeline deploys it to *dev*.`,
          },
        ],
      },
    });
    this.#phase(run, 'completed', 'done');
    this.#emit(run, 'completion', { message: 'Run completed with status: completed' });
  }

  #phase(run: MockRun, status: MockRun['status'], phase: RunPhase): void {
    Object.assign(run, { status, phase });
  }

  #say(run: MockRun, message: string, stepId?: string, status?: RunStep['status']): void {
    this.#emit(run, 'log', { message, ...(stepId && { stepId }), ...(status && { status }) });
  }

  #emit(run: MockRun, type: TaskEvent['type'], body: TaskEvent['body']): void {
    if (type === 'recovered')
      run.events = run.events.filter((event) => event.type !== 'completion' && event.type !== 'cancelled');
    run.events.push({
      id: this.#nextEvent++,
      isTaskRecoverable: false,
      taskId: run.id,
      type,
      createdAt: new Date().toISOString(),
      body,
    });
    for (const listener of [...run.listeners]) listener();
  }
}

const retry = {
  move: 'retry' as const,
  summary: 'Runs “Publish the repository” again, then the steps after it. Nothing before it runs again.',
};
const rollback = { move: 'rollback' as const, summary: 'Undoes what this run created, newest first: 2 things.' };
const cancel = {
  move: 'cancel' as const,
  summary: 'Stops at the next safe point. What was created stays until you roll back.',
};
