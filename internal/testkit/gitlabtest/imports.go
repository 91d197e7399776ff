package gitlabtest

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// migration is an import by direct transfer. There is no source: the project that it makes has one commit.
type migration struct {
	Entity *gitlab.BulkImportEntity
	// User is who has started it.
	User int64
}

// SlowImports lets imports go on until EndImports.
func (s *Server) SlowImports() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.slow = true
}

// EndImports ends the imports that go on with a status. Failures say what went wrong.
func (s *Server) EndImports(status string, failures ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.migrations {
		if one.goesOn() {
			one.end(status)
			one.Entity.HasFailures = len(failures) > 0
			for _, text := range failures {
				one.Entity.Failures = append(one.Entity.Failures, &gitlab.BulkImportEntityFailure{ExceptionMessage: text})
			}
		}
	}
}

// MakeAdministrator makes a user an administrator, who may cancel imports.
func (s *Server) MakeAdministrator(user int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.user(user).IsAdmin = true
}

func (m *migration) goesOn() bool {
	return m.Entity.Status == "created" || m.Entity.Status == "started"
}

func (m *migration) end(status string) {
	m.Entity.Status, m.Entity.UpdatedAt = status, *now()
}

// shown is the import without its entity.
func (m *migration) shown() *gitlab.BulkImport {
	return &gitlab.BulkImport{ID: m.Entity.BulkImportID, Status: m.Entity.Status, SourceType: "gitlab", CreatedAt: m.Entity.CreatedAt,
		UpdatedAt: m.Entity.UpdatedAt, HasFailures: m.Entity.HasFailures}
}

var imports = map[string]func(*call){
	"POST /bulk_imports":                  (*call).startImport,
	"GET /bulk_imports":                   (*call).imports,
	"GET /bulk_imports/{import}/entities": (*call).importEntities,
	"POST /bulk_imports/{import}/cancel":  (*call).cancelImport,
	"GET /projects/{id}/events":           (*call).events,
}

// startImport makes the project at once.
func (c *call) startImport() {
	options, ok := body[gitlab.BulkImportStartMigrationOptions](c)
	if !ok {
		return
	}
	if len(options.Entities) != 1 || value(options.Entities[0].SourceType) != "project_entity" || value(options.Configuration.URL) == "" {
		c.refuse(http.StatusBadRequest, "entities is invalid")
		return
	}
	if value(options.Configuration.AccessToken) != AnnToken {
		c.refuse(http.StatusUnprocessableEntity, "Unsuccessful response 401 from source instance")
		return
	}
	entity := options.Entities[0]
	namespace, path := value(entity.DestinationNamespace), value(entity.DestinationNamespace)+"/"+value(entity.DestinationSlug)
	if c.s.level(c.who.ID, namespace) < 40 {
		c.refuse(http.StatusUnprocessableEntity, "Import failed. '%s' is invalid, or you do not have permission.", namespace)
		return
	}
	if c.s.projectAt(path) != nil {
		c.refuse(http.StatusUnprocessableEntity, "Import aborted as '%s' already exists. Change the destination and try again.", path)
		return
	}
	made := c.s.addProject(c.Context(), path, c.who.ID)
	c.s.put(made, "main", "as it was", c.who, map[string]string{"README.md": "# " + value(entity.SourceFullPath) + "\n"})
	number := c.s.number()
	started := &migration{User: c.who.ID, Entity: &gitlab.BulkImportEntity{
		ID: c.s.number(), BulkImportID: number, Status: "started", EntityType: "project", SourceFullPath: value(entity.SourceFullPath),
		DestinationFullPath: path, DestinationName: value(entity.DestinationSlug), DestinationSlug: value(entity.DestinationSlug),
		DestinationNamespace: namespace, ProjectID: &made.ID, CreatedAt: *now(), UpdatedAt: *now(),
	}}
	if !c.s.slow {
		started.end("finished")
	}
	c.s.migrations = append(c.s.migrations, started)
	c.answer(http.StatusCreated, &gitlab.BulkImportStartMigrationResponse{ID: number, Status: "created", SourceType: "gitlab",
		SourceURL: value(options.Configuration.URL), CreatedAt: *now(), UpdatedAt: *now()})
}

func (c *call) imports() {
	if !query[gitlab.ListBulkImportsOptions](c) {
		return
	}
	listed := []*gitlab.BulkImport{}
	for _, one := range slices.Backward(c.s.migrations) {
		if one.User == c.who.ID {
			listed = append(listed, one.shown())
		}
	}
	list(c, listed)
}

// startedImport is the import of the path, if the caller has started it; otherwise it answers 404.
func (c *call) startedImport() *migration {
	number := c.numbered("import")
	at := slices.IndexFunc(c.s.migrations, func(one *migration) bool {
		return one.Entity.BulkImportID == number && (one.User == c.who.ID || c.who.IsAdmin)
	})
	if at < 0 {
		c.missing("Not found")
		return nil
	}
	return c.s.migrations[at]
}

func (c *call) importEntities() {
	found := c.startedImport()
	if found == nil || !query[gitlab.ListBulkImportsEntitiesOptions](c) {
		return
	}
	list(c, []*gitlab.BulkImportEntity{found.Entity})
}

func (c *call) cancelImport() {
	found := c.startedImport()
	if found == nil {
		return
	}
	if !c.who.IsAdmin {
		c.refuse(http.StatusForbidden, "403 Forbidden")
		return
	}
	if found.goesOn() {
		found.end("canceled")
	}
	c.answer(http.StatusOK, found.shown())
}

// events lists what people have done in a project, the newest first: this server notes commits only.
func (c *call) events() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectVisibleEventsOptions](c) {
		return
	}
	listed := slices.Clone(found.Events)
	slices.Reverse(listed)
	list(c, listed)
}

// noteCommit adds the event of a commit.
func (s *Server) noteCommit(to *project, who *gitlab.User) {
	to.Events = append(to.Events, &gitlab.ProjectEvent{ID: s.number(), ProjectID: to.ID, ActionName: "pushed to", AuthorID: who.ID,
		AuthorUsername: who.Username, Title: strconv.FormatInt(to.ID, 10), CreatedAt: now().Format(time.RFC3339Nano)})
}
