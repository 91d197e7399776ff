package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// migrate is the action gitlab:group:migrate. In spite of its id it migrates a project.
type migrate struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*migrate) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:group:migrate",
		Description: "Imports a project of a GitLab into a group of the same or another GitLab, by GitLab's direct transfer.",
		Examples: []action.Example{
			{
				Description: "Start the import, and go on",
				Example: `steps:
  - id: migrate
    name: Import the project
    action: gitlab:group:migrate
    input:
      destinationAccessToken: ${{ secrets.destinationToken }}
      destinationUrl: gitlab.com?owner=acme&repo=shop
      sourceAccessToken: ${{ secrets.sourceToken }}
      sourceFullPath: legacy/shop
      sourceUrl: https://gitlab.example.com
`,
			},
			{
				Description: "Wait until the project is there",
				Example: `steps:
  - id: migrate
    name: Import the project
    action: gitlab:group:migrate
    input:
      destinationAccessToken: ${{ secrets.destinationToken }}
      destinationUrl: ${{ parameters.repoUrl }}
      sourceAccessToken: ${{ secrets.sourceToken }}
      sourceFullPath: ${{ parameters.source }}
      sourceUrl: https://gitlab.example.com
      wait: true
`,
			},
		},
		InputSchema:  schema("migrate.input"),
		OutputSchema: schema("migrate.output"),
		Undoes: "Deletes the imported project, unless somebody has pushed to it, forked it, moved it or worked in it since. An import that goes on is " +
			"cancelled first, which GitLab lets administrators do; for others, the rollback succeeds when the import has ended. The project in the source stays as it is.",
		Needs: []string{
			"An entry of `integrations.gitlab` for the host of `destinationUrl`, where an administrator has switched on the import by direct transfer, in both GitLabs.",
			"A token for the destination with the scope `api`, whose user owns or maintains the group, and one for the source, whose user owns or maintains the project. " +
				"Pass both as secrets: the rollback finds the token for the destination by the name of its secret.",
		},
		Differences: []string{
			"A project that exists already in the destination is left untouched and fails the step.",
			"`wait` waits until the import has ended, and fails the step if the import has failed. No worker is held meanwhile.",
		},
	}
}

// migrateInput is the input of gitlab:group:migrate.
type migrateInput struct {
	DestinationAccessToken string `json:"destinationAccessToken"`
	DestinationURL         string `json:"destinationUrl"`
	SourceAccessToken      string `json:"sourceAccessToken"`
	SourceFullPath         string `json:"sourceFullPath"`
	SourceURL              string `json:"sourceUrl"`
	Wait                   bool   `json:"wait"`
	TimeoutSeconds         int    `json:"timeoutSeconds"`
}

// migration is one execution of gitlab:group:migrate.
type migration struct {
	*connection

	call   *action.Call
	input  migrateInput
	target integration.Repo
	record importRecord
}

// prepare reads the input, and which imports there were before. It changes nothing.
func (m *migrate) prepare(ctx context.Context, call *action.Call) (*migration, error) {
	input := migrateInput{TimeoutSeconds: int(time.Hour / time.Second)}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if source, err := url.Parse(input.SourceURL); err != nil || source.Host == "" || source.User != nil || source.Scheme != "https" && source.Scheme != "http" {
		return nil, action.InputError("sourceUrl is not the address of a GitLab, such as https://gitlab.com")
	}
	target, err := m.options.target(input.DestinationURL)
	if err != nil {
		return nil, err
	}
	if target.Owner == "" || target.Repo == "" {
		return nil, action.InputError("Failed to determine target repository to migrate to. Make sure destinationUrl matches the format " +
			"'gitlab.myorg.com?repo=project_name&owner=group_name'")
	}
	connected, err := m.options.connect(target.Host, input.DestinationAccessToken)
	if err != nil {
		return nil, err
	}
	doing := &migration{connection: connected, call: call, input: input, target: target}
	return doing, doing.remember(ctx)
}

// remember makes the record: that of an earlier attempt if there is one.
func (m *migration) remember(ctx context.Context) error {
	newest, err := m.newestImports(ctx, 1)
	if err != nil {
		return err
	}
	record := importRecord{place: m.place(m.input.DestinationAccessToken, true), Namespace: m.target.Owner, Slug: m.target.Repo, Source: m.input.SourceFullPath}
	record.Secret = action.NameOfSecret(m.call.Secrets, m.input.DestinationAccessToken)
	for _, one := range newest {
		record.After = one.ID
	}
	m.record, err = resource.Remembered(ctx, m.call, resource.KeyOf(m.call, importKind, record.name()), record)
	return err
}

// Run starts the import, and looks how far it is if the step waits for its end.
func (m *migrate) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	doing, err := m.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	started, err := doing.begin(ctx)
	if err != nil {
		return nil, err
	}
	if doing.input.Wait {
		if err := doing.requireEnd(started); err != nil {
			return nil, err
		}
	}
	return action.Output{"importedRepoUrl": doing.host + "/" + doing.record.name(), "migrationId": started.ID}, nil
}

// begin starts the import once. A later look finds it by its number.
func (m *migration) begin(ctx context.Context) (*imported, error) {
	spec := m.imports(m.record)
	spec.Create = m.start
	earlier, err := resource.Earlier(ctx, m.call, resource.KeyOf(m.call, importKind, m.record.name()))
	if err != nil {
		return nil, err
	}
	if earlier.State == action.EffectCreated {
		found, err := spec.Find(ctx, earlier)
		if err != nil {
			return nil, err
		}
		if found != nil && found.ID == earlier.ExternalID {
			return found.Thing, nil
		}
	}
	started, _, err := resource.Ensure(ctx, m.call, spec)
	return started, err
}

// start sends the request that starts the import.
func (m *migration) start(ctx context.Context, _ action.Effect) (*resource.Found[*imported], error) {
	var started *gitlab.BulkImportStartMigrationResponse
	err := m.ask(ctx, "starting the import of "+m.record.Source, func(within gitlab.RequestOptionFunc) (err error) {
		started, _, err = m.client.BulkImports.StartMigration(&gitlab.BulkImportStartMigrationOptions{
			Configuration: &gitlab.BulkImportStartMigrationConfiguration{URL: &m.input.SourceURL, AccessToken: &m.input.SourceAccessToken},
			Entities: []gitlab.BulkImportStartMigrationEntity{{
				SourceType: new("project_entity"), SourceFullPath: &m.record.Source, DestinationSlug: &m.record.Slug, DestinationNamespace: &m.record.Namespace,
			}},
		}, within)
		return err
	})
	switch {
	case saysTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, inputFailure(err, "Failed to transfer repo %s. Make sure that %s exists in %s, and token has enough rights.\nError:",
			m.record.Source, m.record.Source, m.input.SourceURL)
	}
	m.call.Log.Info("Started the import of %s as %s", m.record.Source, m.record.name())
	return foundImport(&imported{ID: started.ID, Status: started.Status}), nil
}

// requireEnd is action.NotYet while the import goes on, and says how it failed.
func (m *migration) requireEnd(seen *imported) error {
	waited, limit := time.Duration(0), time.Duration(m.input.TimeoutSeconds)*time.Second
	if !m.call.StartedAt.IsZero() {
		waited = time.Since(m.call.StartedAt)
	}
	switch {
	case seen.Status == "finished":
		if seen.HasFailures {
			m.call.Log.Warn("GitLab could not import all of %s; the page of the import says what", m.record.Source)
		}
		return nil
	case seen.hasEnded():
		return action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("the import of %s as %s on %s ended with %s%s", m.record.Source, m.record.name(), m.host,
			seen.Status, seen.failure())), "Mend what GitLab says, roll the run back, and retry it: that starts another import.")
	case waited >= limit:
		return action.Advise(action.Refuse(fault.Unavailable, fmt.Errorf("the import of %s as %s on %s has not ended after %s: it is %s", m.record.Source, m.record.name(),
			m.host, limit, seen.Status)), "A retry waits again, and timeoutSeconds waits longer.")
	}
	return action.NotYet(min(max(waited/10, leastImportPause), longestImportPause, limit-waited), "The import of %s is %s", m.record.Source, seen.Status)
}

// Between two looks at an import passes a tenth of the wait so far, within these limits.
const (
	leastImportPause   = 5 * time.Second
	longestImportPause = time.Minute
)

// Undo deletes the project, after the import was cancelled if it goes on.
func (m *migrate) Undo(ctx context.Context, call *action.UndoCall) error {
	return resource.Undo(ctx, call,
		func(record importRecord) (*connection, error) { return m.options.reconnect(record.place, call) },
		func(c *connection, record importRecord) resource.Spec[*imported] { return c.imports(record) })
}

// Plan says what Run would import.
func (m *migrate) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	doing, err := m.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, doing.imports(doing.record), fmt.Sprintf("import the project %s of %s as %s on %s", doing.record.Source, doing.input.SourceURL,
		doing.record.name(), doing.host))
}

// importKind is the kind of effect that an import is: GitLab's record of it, and the project that it makes.
const importKind = "gitlab:import"

// importRecord is what the ledger keeps about an import.
type importRecord struct {
	place
	// Namespace and Slug are where the project will be, Source is its path in the source.
	Namespace string `json:"namespace"`
	Slug      string `json:"slug"`
	Source    string `json:"source"`
	// After is the number of the newest import of the token's user before.
	After int64 `json:"after"`
}

func (r importRecord) name() string { return r.Namespace + "/" + r.Slug }

// imported is an import, with the project that it has made, nil when there is none.
type imported struct {
	ID          int64
	Status      string
	HasFailures bool
	Failures    []*gitlab.BulkImportEntityFailure
	// EndedAt is when GitLab changed it last.
	EndedAt time.Time
	Project *gitlab.Project
}

// hasEnded says that GitLab does nothing more.
func (i *imported) hasEnded() bool {
	return slices.Contains([]string{"finished", "failed", "timeout", "canceled"}, i.Status)
}

// failure is what GitLab says about the first failure, "" when nothing.
func (i *imported) failure() string {
	for _, one := range i.Failures {
		if one.ExceptionMessage != "" {
			return ": " + one.ExceptionMessage
		}
	}
	return ""
}

// imports describes an import to package resource. GitLab keeps its record of an import for good, so the import is there
// for as long as it goes on or its project exists.
func (c *connection) imports(record importRecord) resource.Spec[*imported] {
	return resource.Spec[*imported]{
		Intent: action.Intent{Kind: importKind, Name: record.name(), Data: record},
		Title:  fmt.Sprintf("the project %s on %s", record.name(), c.host),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*imported], error) {
			return c.findImport(ctx, record, effect)
		},
		Delete: func(ctx context.Context, thing *imported) error { return c.removeImport(ctx, record, thing) },
		Hidden: func(ctx context.Context) (string, error) {
			if c.lostToken {
				return "the token that the step passed is gone, and GitLab shows an import to the user who started it only", nil
			}
			return c.hiddenFrom(ctx, record.Namespace)
		},
		Used: func(ctx context.Context, _ action.Effect, thing *imported) (string, error) {
			return c.useOfImport(ctx, record, thing)
		},
	}
}

// findImport finds the import of an effect, or else a project of somebody else in its place.
func (c *connection) findImport(ctx context.Context, record importRecord, effect action.Effect) (*resource.Found[*imported], error) {
	if effect.ID != "" && !effect.Fresh {
		found, err := c.importOf(ctx, record, effect)
		if err != nil {
			return nil, err
		}
		if found != nil && (!found.hasEnded() || found.Project != nil) {
			return foundImport(found), nil
		}
	}
	project, err := c.lookUp(ctx, record.name())
	if err != nil || project == nil {
		return nil, err
	}
	return &resource.Found[*imported]{Thing: &imported{Project: project}, URL: project.WebURL}, nil
}

func foundImport(thing *imported) *resource.Found[*imported] {
	found := &resource.Found[*imported]{Thing: thing, ID: id(thing.ID), MadeFor: func(action.Effect) bool { return true }}
	if thing.Project != nil {
		found.URL = thing.Project.WebURL
	}
	return found
}

// importOf is the import of an effect: that of its number or, while the ledger has none, the one with the same source and
// destination that the token's user has started since. Nil when there is none.
func (c *connection) importOf(ctx context.Context, record importRecord, effect action.Effect) (*imported, error) {
	if effect.ExternalID != "" {
		var number int64
		if _, err := fmt.Sscan(effect.ExternalID, &number); err != nil {
			return nil, action.Final(fmt.Errorf("effect %s %q: its id is no number", effect.ID, effect.Name))
		}
		return c.lookAtImport(ctx, record, number)
	}
	newest, err := c.newestImports(ctx, pageSize)
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(newest) {
		if one.ID <= record.After {
			continue
		}
		if found, err := c.lookAtImport(ctx, record, one.ID); err != nil || found != nil {
			return found, err
		}
	}
	return nil, nil
}

// newestImports lists the imports that the token's user has started, the newest first.
func (c *connection) newestImports(ctx context.Context, most int) (listed []*gitlab.BulkImport, err error) {
	err = c.ask(ctx, "listing the imports", func(within gitlab.RequestOptionFunc) (err error) {
		listed, _, err = c.client.BulkImports.ListBulkImports(&gitlab.ListBulkImportsOptions{ListOptions: gitlab.ListOptions{PerPage: int64(most)}}, within)
		return err
	})
	return listed, err
}

// lookAtImport reads an import with its project, nil when there is none with this source and destination.
func (c *connection) lookAtImport(ctx context.Context, record importRecord, number int64) (*imported, error) {
	var entities []*gitlab.BulkImportEntity
	err := c.ask(ctx, "looking at the import of "+record.Source, func(within gitlab.RequestOptionFunc) (err error) {
		entities, _, err = c.client.BulkImports.ListBulkImportsEntitiesByID(number, &gitlab.ListBulkImportsEntitiesOptions{}, within)
		return absent(err)
	})
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(entities, func(one *gitlab.BulkImportEntity) bool {
		return one.SourceFullPath == record.Source && strings.EqualFold(one.DestinationNamespace, record.Namespace) && strings.EqualFold(one.DestinationSlug, record.Slug)
	})
	if at < 0 {
		return nil, nil
	}
	entity := entities[at]
	found := &imported{ID: number, Status: entity.Status, HasFailures: entity.HasFailures, Failures: entity.Failures, EndedAt: entity.UpdatedAt}
	if entity.ProjectID != nil {
		found.Project, err = c.lookUp(ctx, id(*entity.ProjectID))
	}
	return found, err
}

// removeImport cancels an import that goes on, and deletes its project.
func (c *connection) removeImport(ctx context.Context, record importRecord, thing *imported) error {
	if !thing.hasEnded() {
		if err := c.cancelImport(ctx, record, thing.ID); err != nil {
			return err
		}
		if thing.Project == nil {
			return action.Transient(fmt.Errorf("the import of %s was cancelled a moment ago; it is looked at again for what it has made by then", record.Source), longestImportPause)
		}
	}
	return c.deleteProject(ctx, record.name(), thing.Project)
}

func (c *connection) cancelImport(ctx context.Context, record importRecord, number int64) error {
	err := c.ask(ctx, "cancelling the import of "+record.Source, func(within gitlab.RequestOptionFunc) error {
		_, _, err := c.client.BulkImports.CancelBulkImport(number, within)
		return err
	})
	if isAnswer(err) && !action.IsTransient(err) {
		return action.Advise(action.Transient(fmt.Errorf("the import of %s goes on: %w", record.Source, err), longestImportPause),
			"Wait until it has ended, or ask an administrator of %s to cancel it, then roll the run back again.", c.host)
	}
	return err
}

// useOfImport says what somebody has done with the project since its import ended, "" when nothing.
func (c *connection) useOfImport(ctx context.Context, record importRecord, thing *imported) (string, error) {
	project := thing.Project
	switch {
	case project == nil || !thing.hasEnded():
		return "", nil
	case !strings.EqualFold(project.PathWithNamespace, record.name()):
		return "it was moved to " + project.PathWithNamespace, nil
	case project.ForksCount > 0:
		return "it was forked", nil
	}
	var newest []*gitlab.ProjectEvent
	err := c.ask(ctx, "listing the events of "+record.name(), func(within gitlab.RequestOptionFunc) (err error) {
		newest, _, err = c.client.Events.ListProjectVisibleEvents(project.ID, &gitlab.ListProjectVisibleEventsOptions{ListOptions: gitlab.ListOptions{PerPage: 1}}, within)
		return err
	})
	if err != nil {
		return "", err
	}
	for _, one := range newest {
		when, err := time.Parse(time.RFC3339, one.CreatedAt)
		if err != nil {
			return "", errors.Join(action.Final(fmt.Errorf("the events of %s have a time that cannot be read", record.name())), err)
		}
		if !when.Before(thing.EndedAt) {
			return fmt.Sprintf("%s has worked in it since: %s", one.AuthorUsername, one.ActionName), nil
		}
	}
	return "", nil
}
