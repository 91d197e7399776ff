package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
)

// NewDocsBuildsPlugin serves the part of /api/portico about the builds of documentation. workflowURL is the address of a workflow in the
// Temporal Web UI, nil without one.
func NewDocsBuildsPlugin(service *build.Service, workflowURL func(id string) string) Plugin {
	d := docsBuildRoutes{service, workflowURL}
	const docs = "/v1/techdocs"
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: docs + "/sites", access: authenticated,
			query:   []parameter{text("after", "the next of the page before"), text("state", "failed lists those whose last build failed")},
			summary: "Lists the sites of documentation by the references of their entities", serve: ok("a page of sites", d.sites)},
		{method: http.MethodGet, path: docs + "/sites/:kind/:namespace/:name", access: authenticated,
			summary: "Gets the site of an entity with its builds, the latest first", serve: ok("the site", d.site), fails: missing},
		{method: http.MethodPost, path: docs + "/sites/:kind/:namespace/:name/build", access: authenticated, audit: records(audit.DocsBuild), command: true,
			body: mayTake[docsBuildInput](), summary: "Builds the site of an entity now, or after the build that is under way",
			serve: accepted("the build", d.start), fails: missingOrConflicting},
		{method: http.MethodGet, path: docs + "/builds/:id", access: authenticated,
			query:   []parameter{integer("after", "the number of the last line that is known")},
			summary: "Gets a build with its log", serve: ok("the build", d.build), fails: missing},
	}}
}

type docsBuildRoutes struct {
	service     *build.Service
	workflowURL func(id string) string
}

// docsBuildInput is what a build is asked for with.
type docsBuildInput struct {
	closed

	Force bool `json:"force,omitempty" jsonschema_description:"builds even if nothing has changed"`
}

type docsSite struct {
	EntityRef string `json:"entityRef"`
	// ETag is the commit, or the digest of local files, that was looked at last.
	ETag string `json:"etag,omitempty"`
	// Engine is what rendered the site.
	Engine      string `json:"engine,omitempty"`
	Pages       int    `json:"pages"`
	Files       int    `json:"files"`
	PublishedAt string `json:"publishedAt,omitempty" jsonschema:"format=date-time"`
	// Failed says that the last build failed: what is shown is of an earlier one.
	Failed      bool   `json:"failed"`
	CheckedAt   string `json:"checkedAt,omitempty"   jsonschema:"format=date-time"`
	NextCheckAt string `json:"nextCheckAt,omitempty" jsonschema:"format=date-time"`
	// ReadAt is when somebody read the site last, to the hour.
	ReadAt string `json:"readAt,omitempty" jsonschema:"format=date-time"`
	// Version is the branch or tag, or the name of a preview, absent for the current documentation.
	Version string `json:"version,omitempty"`
	// Ref is the branch, tag or commit that the site is of.
	Ref         string           `json:"ref,omitempty"`
	PullRequest *docsPullRequest `json:"pullRequest,omitempty"`
}

// docsPullRequest is the pull request of which a site is a preview.
type docsPullRequest struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
}

type docsSites struct {
	Sites []docsSite `json:"sites"`
	// Next is the after of the next page, if there is one.
	Next string `json:"next,omitempty"`
}

type docsSiteWithBuilds struct {
	docsSite

	Builds []docsBuild `json:"builds"`
	// Versions are those of the documentation besides the current one: branches and tags, the newest first, then previews.
	Versions []docsVersion `json:"versions"`
}

// docsVersion is a version of documentation.
type docsVersion struct {
	docsSite

	// Name is the name of the entity with the version, as addresses have it: shop@v1.2.
	Name string `json:"name"`
}

type docsBuild struct {
	ID        string      `json:"id"`
	EntityRef string      `json:"entityRef"`
	State     build.State `json:"state"`
	Cause     build.Cause `json:"cause"`
	// AskedBy is the person or the event that asked, absent for the schedule.
	AskedBy string `json:"askedBy,omitempty"`
	// Requests is how many requests the build answers.
	Requests  int    `json:"requests"`
	AskedAt   string `json:"askedAt"             jsonschema:"format=date-time"`
	StartedAt string `json:"startedAt,omitempty" jsonschema:"format=date-time"`
	EndedAt   string `json:"endedAt,omitempty"   jsonschema:"format=date-time"`
	// Source is where the files are from, and ETag their commit or digest.
	Source   string             `json:"source,omitempty"`
	ETag     string             `json:"etag,omitempty"`
	Engine   string             `json:"engine,omitempty"`
	Pages    int                `json:"pages"`
	Files    int                `json:"files"`
	Seconds  docsBuildSeconds   `json:"seconds"`
	Problems []techdocs.Problem `json:"problems"`
	Failure  *fault.Failure     `json:"failure,omitempty"`
	// WorkflowURL is the page of its workflow in the Temporal Web UI.
	WorkflowURL string `json:"workflowUrl,omitempty"`
}

// docsBuildSeconds is how long the parts of a build took.
type docsBuildSeconds struct {
	Fetch   float64 `json:"fetch"`
	Render  float64 `json:"render"`
	Publish float64 `json:"publish"`
	Index   float64 `json:"index"`
}

type docsBuildWithLog struct {
	docsBuild

	Log []docsBuildLine `json:"log"`
}

type docsBuildLine struct {
	Number int    `json:"number"`
	At     string `json:"at"     jsonschema:"format=date-time"`
	Line   string `json:"line"`
}

func (d docsBuildRoutes) sites(c *call) (docsSites, error) {
	found, next, err := d.service.Sites(c.Request.Context(), c.principal, c.Query("after"), c.Query("state") == string(build.Failed))
	listed := docsSites{Sites: make([]docsSite, len(found)), Next: next}
	for i, site := range found {
		listed.Sites[i] = shownDocsSite(site)
	}
	return listed, err
}

func (d docsBuildRoutes) site(c *call) (docsSiteWithBuilds, error) {
	site, found, err := d.service.Builds(c.Request.Context(), c.principal, c.entityRef())
	if err != nil {
		return docsSiteWithBuilds{}, err
	}
	versions, err := d.service.Versions(c.Request.Context(), c.principal, c.entityRef())
	shown := docsSiteWithBuilds{docsSite: shownDocsSite(site), Builds: make([]docsBuild, len(found)), Versions: make([]docsVersion, len(versions))}
	for i, each := range found {
		shown.Builds[i] = d.shown(each)
	}
	for i, each := range versions {
		shown.Versions[i] = docsVersion{docsSite: shownDocsSite(each), Name: each.Entity[strings.LastIndexByte(each.Entity, '/')+1:]}
	}
	return shown, err
}

func (d docsBuildRoutes) start(c *call) (docsBuild, error) {
	var input docsBuildInput
	if err := c.decode(&input); err != nil {
		return docsBuild{}, err
	}
	started, err := d.service.Start(c.Request.Context(), c.principal, c.entityRef(), input.Force)
	return d.shown(started), err
}

func (d docsBuildRoutes) build(c *call) (docsBuildWithLog, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return docsBuildWithLog{}, fault.New(fault.NotFound, "There is no build of documentation '%s'", c.Param("id"))
	}
	found, lines, err := d.service.Build(c.Request.Context(), c.principal, id, c.queryInt("after", 0))
	shown := docsBuildWithLog{docsBuild: d.shown(found), Log: make([]docsBuildLine, len(lines))}
	for i, line := range lines {
		shown.Log[i] = docsBuildLine{Number: line.Number, At: isoTime(line.At), Line: line.Text}
	}
	return shown, err
}

func shownDocsSite(site build.Site) docsSite {
	shown := docsSite{EntityRef: site.Entity, ETag: site.ETag, Engine: site.Engine, Pages: site.Pages, Files: site.Files, PublishedAt: isoTime(site.PublishedAt),
		Failed: site.Failed, CheckedAt: isoTime(site.CheckedAt), NextCheckAt: isoTime(site.NextCheckAt), ReadAt: isoTime(site.ReadAt),
		Version: site.Version, Ref: site.Ref}
	if site.PullRequest != 0 {
		shown.PullRequest = &docsPullRequest{site.PullRequest, site.PullRequestURL}
	}
	return shown
}

func (d docsBuildRoutes) shown(found build.Build) docsBuild {
	shown := docsBuild{ID: found.ID.String(), EntityRef: found.Entity, State: found.State, Cause: found.Cause, AskedBy: found.AskedBy,
		Requests: found.Requests, AskedAt: isoTime(found.AskedAt), StartedAt: isoTime(found.StartedAt), EndedAt: isoTime(found.EndedAt),
		Source: found.Source, ETag: found.ETag, Engine: found.Engine, Pages: found.Pages, Files: found.Files,
		Seconds:  docsBuildSeconds{Fetch: rounded(found.Fetch), Render: rounded(found.Render), Publish: rounded(found.Publish), Index: rounded(found.Indexing)},
		Problems: orEmpty(found.Problems), Failure: found.Failure}
	if d.workflowURL != nil && found.WorkflowID != "" {
		shown.WorkflowURL = d.workflowURL(found.WorkflowID)
	}
	return shown
}

// rounded is a time in seconds, to the millisecond.
func rounded(took time.Duration) float64 { return took.Round(time.Millisecond).Seconds() }
