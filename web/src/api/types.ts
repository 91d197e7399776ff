import type { components } from './openapi';

/**
 * The wire shapes the portal reads, under the names it has for them. They are generated: `make generate` writes
 * openapi.d.ts from what the server says of itself. Only what the server cannot know is said here.
 */
type Schemas = components['schemas'];

export type JsonObject = Record<string, unknown>;

export type Welcome = Schemas['Welcome'];
export type Info = Schemas['Info'];
export type DocsSanitizer = Schemas['DocsSanitizer'];
export type CustomField = Schemas['CustomField'];
export type Integration = Schemas['Integration'];
export type Session = Schemas['Session'];

export type HostList = Schemas['HostList'];
export type RepositoryHost = Schemas['PickerHost'];
export type RepositoryBranches = Schemas['PickerBranches'];
export type PartChoices = Schemas['PickerChoices'];
export type PartChoice = Schemas['IntegrationChoice'];
export type Availability = Schemas['IntegrationAvailability'];

export type BookmarkRefs = Schemas['BookmarkList'];

export type Entity = Schemas['Entity'];
export type Relation = Schemas['Relation'];
export type Ancestry = Schemas['Ancestry'];
export type RegisteredLocation = Schemas['CatalogLocation'];
export type EntityHistory = Schemas['EntityHistory'];
export type EntityChange = Schemas['EntityChange'];
export type ChangeCause = Schemas['ChangeCause'];
export type Difference = Schemas['Difference'];
export type EntityExplanation = Schemas['Explanation'];
export type CatalogHealth = Schemas['CatalogHealth'];
export type Conflict = Schemas['Conflict'];
export type ConflictList = Schemas['ConflictList'];
export type FindingList = Schemas['FindingList'];
export type FoundEntity = Schemas['FoundEntity'];
export type Inspection = Schemas['Inspection'];
export type DraftField = Schemas['DraftField'];
export type LocationTrial = Schemas['Registration'];
export type CatalogModel = Schemas['CatalogModel'];
export type FacetCounts = Schemas['Facets'];
export type Facets = FacetCounts['facets'];
export type FacetValue = Schemas['CatalogFacetValue'];

/** Entities are whole unless `fields` were asked for; who asks for some, asks for all that it reads. */
export type EntityPage = Omit<Schemas['EntityPage'], 'items'> & { items: Entity[] };

/** What other systems have about an entity. A problem kept its source from being asked fully. */
export interface Found<Item> {
  items: Item[];
  problems: { source: string; message: string }[];
}

export type KubernetesObjects = Schemas['KubernetesObjects'];
export type ClusterObjects = Schemas['ClusterObjects'];
export type PodUsage = Schemas['ShownPodUsage'];

export type VaultSecret = Schemas['VaultSecret'];

export type Build = Schemas['ShownBuild'];
export type BuildStatus = Build['status'];
export type JobList = Schemas['JobList'];
export type PullRequest = Schemas['ShownPullRequest'];

export type ArgoCDApplication = Schemas['ApplicationsApplication'];

export type AuditPage = Schemas['AuditPage'];
export type AuditEvent = Schemas['AuditEvent'];
export type AuditChange = Schemas['AuditChange'];
export type AuditActions = Schemas['AuditActions'];
export type Explanation = Schemas['ExplainExplanation'];
export type Self = Schemas['ExplainSelf'];
export type BrowserSessions = Schemas['BrowserSessions'];
export type BrowserSession = Schemas['BrowserSession'];

export type RoleAccess = Schemas['RoleAccess'];
export type RoleList = Schemas['RoleList'];
export type RoleSummary = Schemas['RoleSummary'];
export type WholeRole = Schemas['WholeRole'];
export type RoleDraft = Schemas['RbacRoleDraft'];
export type PlacedCondition = Schemas['RbacPlacedCondition'];
export type Proposal = Schemas['RbacProposal'];
export type Preview = Schemas['PreviewPreview'];
export type PreviewedPerson = Schemas['PreviewPerson'];
export type PreviewedChange = Schemas['PreviewChange'];
export type PluginPolicies = Schemas['PluginPolicies'];
export type PluginRules = Schemas['PluginRules'];
export type Decisions = Schemas['Decisions'];

export type SearchAnswer = Omit<Schemas['SearchAnswer'], 'groups'> & { groups: SearchGroup[] };
export type SearchProblem = Schemas['SearchProblem'];
export type SearchSource = Schemas['SearchSource'];
export type SearchFacet = Schemas['SearchFacet'];
export type SearchGroup = Omit<Schemas['SearchGroup'], 'results'> & { results: SearchResult[] };
export type SearchResult = Omit<Schemas['SearchResult'], 'document' | 'rank'> & { document: SearchDocument };

/** What is found: an entity, a section of documentation, or whatever the type of the result says. */
export type SearchDocument = Schemas['SearchDocument'] & {
  kind?: string;
  namespace?: string;
  name?: string;
  owner?: string;
  lifecycle?: string;
  componentType?: string;
  entityTitle?: string;
  path?: string;
  status?: string;
  /** What a document of another system is, such as page. */
  documentType?: string;
};

/** What a generator of documentation writes beside its pages. */
export interface DocsMetadata {
  site_name: string;
  site_description?: string | null;
  /** In milliseconds. */
  build_timestamp?: number;
  etag?: string;
}

export type DocsSite = Schemas['DocsSiteWithBuilds'];
export type DocsBuild = Schemas['DocsBuild'];
export type DocsBuildWithLog = Schemas['DocsBuildWithLog'];
export type DocsProblem = Schemas['TechdocsProblem'];

export interface DocsIndex {
  /** Some generators leave texts out. */
  docs: { location: string; title?: string; text?: string }[];
}

export type Source = Schemas['CatalogSource'];
export type SourceList = Schemas['CatalogSources'];
export type SourceWithSweeps = Schemas['SourceWithSweeps'];
export type Sweep = Schemas['CatalogSweep'];

export type UnprocessedEntities = Schemas['UnprocessedEntities'];
export type UnprocessedEntity = Schemas['UnprocessedEntity'];

export type FormDecorator = Schemas['FormDecorator'];
export type ParameterSchema = Schemas['ParameterSchema'];
/** A step as its author wrote it; those of a run have their id and name. */
export type TemplateStep = Partial<Schemas['PinnedStep']> & { action: string };
export type Action = Schemas['DescribedAction'];

export type TemplateFindings = Schemas['FoundTemplates'];
export type TemplateFinding = Schemas['TemplateFinding'];

export type Task = Schemas['Task'];
export type TaskEvent = Schemas['TaskEvent'];

export type RunID = Schemas['RunID'];
export type RunSummary = Schemas['RunSummary'];
export type RunPage = Schemas['RunPage'];
export type RunCausePage = Schemas['CausePage'];
export type RunDetail = Omit<Schemas['RunDetails'], 'output'> & { output?: RunOutput };
export type RunStatus = RunSummary['status'];
export type RunPhase = RunSummary['phase'];
export type RunStep = Schemas['StepDetails'];
export type Effect = Schemas['ActionEffect'];
export type EffectState = Effect['state'];
export type GivenCommand = Schemas['GivenCommand'];
export type Move = Schemas['Move'];
export type MoveName = Move['move'];

/** What a template puts out is its author's; these members are Backstage's convention. */
export interface RunOutput extends JsonObject {
  links?: OutputLink[];
  text?: OutputText[];
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
