/**
 * The wire shapes the portal reads, Backstage's and Portico's own. Until they are generated from /api/openapi.json
 * they live here and nowhere else.
 */

export interface Info {
  title: string;
  version: string;
  baseUrl: string;
  /** Base address of the Temporal Web UI; absent when none is known. */
  temporalUi?: string;
  integrations: Integration[];
  signIn: string[];
}

export interface Integration {
  type: string;
  host: string;
}

export interface Session {
  backstageIdentity: {
    token: string;
    identity: { userEntityRef: string; ownershipEntityRefs: string[] };
  };
  profile: { displayName?: string; email?: string; picture?: string };
}

export interface Relation {
  type: string;
  targetRef: string;
}

export interface EntityLink {
  url: string;
  title?: string;
  icon?: string;
}

export interface StatusItem {
  type: string;
  level: 'info' | 'warning' | 'error';
  message: string;
}

export interface Entity {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    title?: string;
    description?: string;
    tags?: string[];
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    links?: EntityLink[];
  };
  spec?: Record<string, unknown>;
  relations?: Relation[];
  status?: { items?: StatusItem[] };
}

export interface EntityPage {
  items: Entity[];
  totalItems: number;
  pageInfo: { nextCursor?: string; prevCursor?: string };
}

export interface FacetValue {
  value: string;
  count: number;
}

export type JsonObject = Record<string, unknown>;

export interface ParameterPage {
  title: string;
  description?: string;
  schema: JsonObject;
}

export interface ParameterSchema {
  title: string;
  description?: string;
  presentation?: {
    buttonLabels?: { backButtonText?: string; createButtonText?: string; reviewButtonText?: string };
  };
  steps: ParameterPage[];
}

export interface TemplateStep {
  id?: string;
  name?: string;
  action: string;
  if?: string | boolean;
  each?: unknown;
  input?: JsonObject;
}

export interface Action {
  id: string;
  description?: string;
  schema?: { input?: JsonObject; output?: JsonObject };
}

export interface Task {
  id: string;
  status: string;
  createdAt: string;
  createdBy?: string;
  spec: {
    steps: TemplateStep[];
    parameters: JsonObject;
    templateInfo?: { entityRef: string; entity?: { metadata: Entity['metadata'] } };
  };
}

export type RunStatus = 'open' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'skipped';
export type RunPhase = 'running' | 'waiting' | 'parked' | 'rollingBack' | 'rolledBack' | 'done' | 'cancelled';
export type StepStatus = 'open' | 'processing' | 'completed' | 'failed' | 'skipped' | 'cancelled';
export type EffectState = 'intended' | 'created' | 'undone' | 'kept';
export type MoveName = 'retry' | 'rollback' | 'cancel';

export interface RunError {
  name: string;
  message: string;
  stepId?: string;
  next?: string;
}

export interface Move {
  move: MoveName;
  summary: string;
}

export interface RunStep {
  id: string;
  name: string;
  action: string;
  status: StepStatus;
  startedAt?: string;
  endedAt?: string;
  attempts?: number;
  input?: JsonObject;
  output?: JsonObject;
  error?: RunError | string;
  waitingUntil?: string;
}

export interface OutputLink {
  title?: string;
  url?: string;
  entityRef?: string;
  icon?: string;
}

export interface OutputText {
  title?: string;
  content: string;
  default?: boolean;
}

export interface RunOutput extends JsonObject {
  links?: OutputLink[];
  text?: OutputText[];
}

export interface Effect {
  id: string;
  stepId: string;
  kind: string;
  name: string;
  state: EffectState;
  url?: string;
  note?: string;
}

export interface RunSummary {
  id: string;
  templateRef: string;
  /** The template's. */
  title: string;
  /** What the run makes, in a word; empty when the template does not tell. */
  subject?: string;
  status: RunStatus;
  phase: RunPhase;
  createdBy?: string;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  failedStep?: string;
  error?: RunError;
}

export interface RunDetail extends RunSummary {
  moves: Move[];
  workflow?: { id: string; runId?: string; url?: string };
  steps: RunStep[];
  output?: RunOutput;
  effects: Effect[];
}

export interface RunPage {
  runs: RunSummary[];
  total: number;
}

export type TaskEventType = 'log' | 'completion' | 'cancelled' | 'recovered';

export interface TaskEvent {
  id: number;
  taskId: string;
  type: TaskEventType;
  createdAt: string;
  body: { message?: string; stepId?: string; status?: StepStatus };
}
