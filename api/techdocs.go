package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

// TechDocsOptions are what the documentation of entities needs. Every field is required unless it says otherwise.
type TechDocsOptions struct {
	Log *slog.Logger
	// Catalog finds the entities that somebody may read: their documentation is for whom they are.
	Catalog interface {
		LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error)
	}
	Store *store.Store
	// Locate finds where the source of an entity's documentation is. Its errors are faults.
	Locate func(e entity.Entity, at provenance.Place) (kind, target string, err error)
	// Syncer builds sites for their readers. Nil: somebody else builds them.
	Syncer techdocs.Syncer
	// Read notes that somebody reads a site. It does not wait. Nil: nobody wants to know.
	Read func(ctx context.Context, ref techdocs.Ref)
}

// NewTechDocsPlugin serves /api/techdocs: the sites of entities, and what is known about them.
func NewTechDocsPlugin(options TechDocsOptions) Plugin {
	d := docsRoutes{options}
	const site = "/:namespace/:kind/:name"
	file := route{path: "/static/docs/*path", access: userCookie, looseQuery: true, summary: "Reads a file of a site: namespace/kind/name and the path in the site",
		serve: d.file(), fails: missing, also: []answer{
			{status: http.StatusPartialContent, description: "the part that Range asks for", content: anyContent},
			{status: http.StatusMovedPermanently, description: "the file is elsewhere", content: anyContent},
			{status: http.StatusNotModified, description: "it is as the caller knows it"},
			{status: http.StatusNotFound, description: "there is no such entity, or no such file; the body is empty when that is in a folder", content: anyContent},
			{status: http.StatusPreconditionFailed, description: "it is not as the caller knows it", content: anyContent},
			{status: http.StatusRequestedRangeNotSatisfiable, description: "the file has no such part", content: anyContent},
		}}
	get, head := file, file
	get.method, head.method, head.audit = http.MethodGet, http.MethodHead, unrecorded("it reads")
	return plugin{id: "techdocs", routes: []route{
		{method: http.MethodGet, path: "/metadata/techdocs" + site, access: authenticated, looseQuery: true,
			summary: "Shows what the site of an entity is", serve: ok("the site's techdocs_metadata.json", d.siteMetadata), fails: missing},
		{method: http.MethodGet, path: "/metadata/entity" + site, access: authenticated, looseQuery: true,
			summary: "Shows an entity and where the source of its documentation is", serve: ok("the entity", d.entityMetadata), fails: missing},
		{method: http.MethodGet, path: "/sync" + site, access: authenticated, looseQuery: true,
			summary: "Builds the site of an entity when its source has changed, and streams the log", serve: streams[docsEvent]("the log, and at last whether the site is new, or what failed", d.sync), fails: missing},
		get, head,
	}}
}

type docsRoutes struct{ TechDocsOptions }

// docsRef is the entity that the path names.
func (c *call) docsRef() techdocs.Ref {
	ref, _ := refWithVersion(techdocs.Ref{Namespace: c.Param("namespace"), Kind: c.Param("kind"), Name: c.Param("name")})
	return ref
}

// refWithVersion takes the version off the name: shop@v1.2. It returns false when there is a version that none can be; the name then has
// it still, so that there is no such entity.
func refWithVersion(ref techdocs.Ref) (techdocs.Ref, bool) {
	name, version, is := techdocs.SplitVersion(ref.Name)
	if is {
		ref.Name, ref.Version = name, version
	}
	return ref, is
}

// named is a reference for people, as Backstage writes it.
func named(ref techdocs.Ref) string { return entityOf(ref).String() }

func entityOf(ref techdocs.Ref) entity.Ref {
	return entity.Ref{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
}

// entity finds an entity that the caller may read.
func (d docsRoutes) entity(c *call, ref techdocs.Ref) (json.RawMessage, provenance.Place, error) {
	return d.Catalog.LocatedEntity(c.Request.Context(), c.principal, entityOf(ref))
}

// hidden is the error of an entity that is not there for the caller, in the words of the route.
func hidden(err error, format string, args ...any) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Wrap(fault.NotFound, err, format, args...)
	}
	return err
}

// docsMetadata are the members of techdocs_metadata.json that Backstage's reader knows. Others are passed on.
type docsMetadata struct {
	SiteName        string   `json:"site_name,omitempty"`
	SiteDescription *string  `json:"site_description,omitempty"`
	BuildTimestamp  float64  `json:"build_timestamp,omitempty"`
	Files           []string `json:"files,omitempty"`
	ETag            string   `json:"etag,omitempty"`
}

func (d docsRoutes) siteMetadata(c *call) (document[docsMetadata], error) {
	ref := c.docsRef()
	if _, _, err := d.entity(c, ref); err != nil {
		return document[docsMetadata]{}, hidden(err, "Unable to get metadata for '%s'", named(ref))
	}
	found, err := d.Store.Metadata(c.Request.Context(), ref)
	if err != nil {
		return document[docsMetadata]{}, d.noMetadata(ref, err)
	}
	return document[docsMetadata]{found.Raw}, nil
}

// noMetadata is Backstage's error of a site that has no metadata.
func (d docsRoutes) noMetadata(ref techdocs.Ref, err error) error {
	switch fault.KindOf(err) {
	case fault.NotFound:
		return unknownMetadata(ref, err, d.unread(ref))
	case fault.Input:
		return unknownMetadata(ref, err, errorCause{"name": "Error", "message": err.Error()})
	default:
		return d.unreachable(err)
	}
}

// unread is the cause in the words of Backstage's publishers, which clients show.
func (d docsRoutes) unread(ref techdocs.Ref) errorCause {
	where := d.Store.Where(ref, store.MetadataFile)
	if !d.Store.IsFolder() {
		return causedBy("TechDocs metadata fetch failed", errorCause{"name": "Error", "message": "The specified key does not exist."})
	}
	message := "ENOENT: no such file or directory, open '" + where + "'"
	shown := "Error: " + message // and before it the same word, as Backstage writes it
	return causedBy("Unable to read techdocs_metadata.json at "+where+". Error: "+shown,
		errorCause{"errno": -2, "code": "ENOENT", "syscall": "open", "path": where, "name": "Error", "message": message})
}

// unreachable is the error of a store that does not answer. Backstage says that there is no such file then.
func (d docsRoutes) unreachable(err error) error {
	if kind := fault.KindOf(err); kind != "" {
		return err
	}
	return fault.Wrap(fault.BadGateway, err, "The documentation could not be read from where it is stored. Try again later, or ask whoever operates this portal")
}

// errorCause is an error within another, as Backstage writes it.
type errorCause map[string]any

// causedBy is an error with a cause. Its message repeats that of the cause.
func causedBy(message string, cause errorCause) errorCause {
	return errorCause{"name": "Error", "message": fmt.Sprintf("%s; caused by %s: %s", message, cause["name"], cause["message"]), "cause": cause}
}

// causedEnvelope is errorEnvelope with a cause.
type causedEnvelope struct {
	Error    errorCause   `json:"error"`
	Request  errorRequest `json:"request"`
	Response struct {
		StatusCode int `json:"statusCode"`
	} `json:"response"`
}

// unknownMetadata is a NotFoundError with a cause.
func unknownMetadata(ref techdocs.Ref, err error, cause errorCause) error {
	body := causedEnvelope{Error: causedBy("Unable to get metadata for '"+named(ref)+"'", cause)}
	body.Error["name"] = fault.NotFound
	body.Response.StatusCode = http.StatusNotFound
	return &presentedError{err: fault.Wrap(fault.NotFound, err, "%s", body.Error["message"]), present: func(c *call, _ errorDetail) error {
		body.Request = errorRequest{Method: c.Request.Method, URL: relativeURL(c.Request, "/api/techdocs")}
		return c.json(http.StatusNotFound, body)
	}}
}

// documentedEntity is an entity with the source of its documentation.
type documentedEntity struct {
	Entity

	LocationMetadata locationMetadata `json:"locationMetadata"`
}

// locationMetadata is where the source of documentation is: type url or dir.
type locationMetadata struct {
	Type   string `json:"type"`
	Target string `json:"target"`
}

func (d docsRoutes) entityMetadata(c *call) (document[documentedEntity], error) {
	ref := c.docsRef()
	var none document[documentedEntity]
	content, at, err := d.entity(c, ref)
	if err != nil {
		return none, hidden(err, "Unable to get metadata for '%s'", named(ref))
	}
	var found entity.Entity
	if err := json.Unmarshal(content, &found); err != nil {
		return none, fmt.Errorf("decode entity %s: %w", named(ref), err)
	}
	var location locationMetadata
	if location.Type, location.Target, err = d.Locate(found, at); err != nil {
		if fault.KindOf(err) == "" {
			return none, err
		}
		return none, unknownMetadata(ref, err, errorCause{"name": fault.Input, "message": err.Error()})
	}
	added, err := plainjson.Marshal(location)
	if err != nil {
		return none, fmt.Errorf("encode the location: %w", err)
	}
	// The entity keeps the order of its keys.
	whole := bytes.TrimSuffix(bytes.TrimSpace(content), []byte("}"))
	return document[documentedEntity]{slices.Concat(whole, []byte(`,"locationMetadata":`), added, []byte("}"))}, nil
}

// docsEvent is the data of an event: a text of log and error, or the result of finish.
type docsEvent any

// docsResult is the result of a sync.
type docsResult struct {
	Updated bool `json:"updated"`
}

// patience is how long a reader of a log sees nothing new before being told that the build goes on, as in Backstage.
const patience = 10 * time.Second

func (d docsRoutes) sync(c *call) error {
	ref := c.docsRef()
	if _, _, err := d.entity(c, ref); err != nil {
		return hidden(err, "Entity metadata UID missing")
	}
	if d.Syncer == nil {
		changed, err := d.Store.Refresh(c.Request.Context(), ref)
		if err != nil {
			return d.unreachable(err)
		}
		c.beginEvents()
		return c.event("finish", docsResult{changed})
	}
	leave, err := c.streams.enter(c.principal.Subject)
	if err != nil {
		return err
	}
	defer leave()
	c.beginEvents()
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	lines, ended := make(chan string), make(chan error, 1)
	updated := false
	go func() {
		var err error
		updated, err = d.Syncer.Sync(ctx, c.principal, ref, func(line string) {
			select {
			case lines <- line:
			case <-ctx.Done():
			}
		})
		ended <- err
	}()
	waiting := time.NewTicker(patience)
	defer waiting.Stop()
	for {
		var err error
		select {
		case line := <-lines:
			waiting.Reset(patience)
			err = c.event("log", line)
		case <-waiting.C:
			err = c.event("log", "The docs building process is taking a little bit longer to process this entity. Please bear with us.")
		case err := <-ended:
			return d.conclude(c, ref, updated, err)
		case <-c.leaving:
			return c.event("error", "The server stops. Load the page again")
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return nil // the reader has left
		}
	}
}

// conclude says how a sync ended.
func (d docsRoutes) conclude(c *call, ref techdocs.Ref, updated bool, err error) error {
	switch {
	case err == nil:
		err = c.event("finish", docsResult{updated})
	case fault.KindOf(err) != "":
		err = c.event("error", visible(err.Error()))
	default:
		d.Log.LogAttrs(c.Request.Context(), slog.LevelError, "documentation could not be synchronized", slog.String("entity", named(ref)), slog.Any("error", err))
		err = c.event("error", "The documentation could not be built, for a reason that is not yours. The log of the server has it")
	}
	return err
}

// beginEvents begins a stream of server-sent events.
func (c *call) beginEvents() {
	header := c.Writer.Header()
	header.Set("Content-Type", eventContent)
	header.Set("Cache-Control", "no-cache")
	header.Set("Connection", "keep-alive")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx buffers the events
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.Flush()
}

// event sends one event.
func (c *call) event(name string, data docsEvent) error {
	encoded, err := plainjson.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	if _, err := fmt.Fprintf(c.Writer, "event: %s\ndata: %s\n\n", name, encoded); err != nil {
		return err
	}
	c.Writer.Flush()
	return nil
}

func (d docsRoutes) file() endpoint {
	return endpoint{answer: answer{status: http.StatusOK, description: "the file; pages and pictures that can contain scripts are text", content: anyContent},
		piecemeal: true, handle: d.serveFile}
}

// runs are what a browser loads to run it, as Sec-Fetch-Dest names it. Backstage's reader loads none of it, and the portal's policy
// permits scripts of its own address: those of authors must not be among them.
var runs = []string{"script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"}

// maxParts is how many parts of a file a request gets. For more it gets the whole file: each part is a request to the bucket.
const maxParts = 16

func (d docsRoutes) serveFile(c *call) error {
	if slices.Contains(runs, c.GetHeader("Sec-Fetch-Dest")) {
		return fault.New(fault.NotAllowed, "Scripts of documentation are not run")
	}
	ref, path, isWhole := siteAndPath(c.Param("path"))
	if !isWhole {
		return d.noFile(c)
	}
	if leadsOut(c.Request.URL) {
		return fault.New(fault.NotFound, "Content not found for %s", named(ref))
	}
	if _, _, err := d.entity(c, ref); err != nil {
		return hidden(err, "Entity not found for %s", named(ref))
	}
	if elsewhere, moved := d.lowered(c); moved {
		return movedTo(c, elsewhere)
	}
	if path == "" && d.Store.IsFolder() && !strings.HasSuffix(c.Param("path"), "/") {
		return movedTo(c, c.Request.URL.EscapedPath()+"/")
	}
	if path == "" || strings.HasSuffix(path, "/") {
		path += "index.html"
	}
	file, err := d.Store.Open(c.Request.Context(), ref, path)
	switch {
	case errors.Is(err, store.ErrDirectory):
		return movedTo(c, c.Request.URL.EscapedPath()+"/")
	case fault.KindOf(err) == fault.NotFound, fault.KindOf(err) == fault.Input:
		return d.noFile(c)
	case err != nil:
		return d.unreachable(err)
	}
	defer file.Close()
	if d.Read != nil && strings.HasSuffix(path, ".html") {
		d.Read(c.Request.Context(), ref)
	}
	header := c.Writer.Header()
	header.Set("Content-Type", store.ShownType(path))
	header.Set("Cache-Control", "private, max-age=0") // each reader's permission is asked for
	header.Set(contentPolicyHeader, answersOfOthers)
	if file.ETag != "" {
		header.Set("ETag", file.ETag)
	}
	if strings.Count(c.GetHeader("Range"), ",") >= maxParts {
		c.Request.Header.Del("Range")
	}
	http.ServeContent(c.Writer, c.Request, "", file.Modified, file)
	c.Writer.WriteHeaderNow()
	return nil
}

// siteAndPath splits namespace/kind/name/path. It returns false when a part of the first three is missing.
func siteAndPath(of string) (ref techdocs.Ref, path string, isWhole bool) {
	parts := append(strings.SplitN(strings.TrimPrefix(of, "/"), "/", 4), "", "", "")
	ref = techdocs.Ref{Namespace: parts[0], Kind: parts[1], Name: parts[2]}
	ref, is := refWithVersion(ref)
	return ref, parts[3], is && ref.Namespace != "" && ref.Kind != "" && ref.Name != ""
}

// lowered is the address with the reference in lower case, if that is another one. As in Backstage, only a folder's files have one
// address.
func (d docsRoutes) lowered(c *call) (string, bool) {
	if !d.Store.IsFolder() || d.Store.KeepsCase() {
		return "", false
	}
	asked := c.Request.URL.EscapedPath()
	parts := strings.Split(asked, "/")
	for n := beforeRef; n < beforeRef+3 && n < len(parts); n++ {
		name, version := parts[n], ""
		if at := versionMark.FindStringIndex(name); at != nil { // branches and tags keep their case
			name, version = name[:at[0]], name[at[0]:]
		}
		parts[n] = loweredSegment(name) + version
	}
	address := strings.Join(parts, "/")
	return address, address != asked
}

// versionMark is what is between a name and a version in an address.
var versionMark = regexp.MustCompile(`@|%40`)

// beforeRef is how many segments an address of a file has before those of the reference: "", api, techdocs, static, docs.
const beforeRef = 5

// leadsOut reports whether an address climbs out of its site, or could on a system with backslashes. The store refuses more: this is
// what Backstage answers in words.
func leadsOut(address *url.URL) bool {
	parts := strings.Split(address.EscapedPath(), "/")
	depth := 0
	for _, part := range parts[min(beforeRef+3, len(parts)):] {
		name, err := url.PathUnescape(part)
		switch {
		case err != nil || strings.Contains(name, "\\"):
			return true
		case name == "..":
			depth--
		case name != "" && name != ".":
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// loweredSegment writes a segment of an address in lower case, except for the digits of escapes.
func loweredSegment(segment string) string {
	letters := []byte(segment)
	for n := 0; n < len(letters); n++ {
		if letters[n] == '%' {
			n += 2
			continue
		}
		if letters[n] >= 'A' && letters[n] <= 'Z' {
			letters[n] += 'a' - 'A'
		}
	}
	return string(letters)
}

// movedTo sends the caller to another address, in Express' words.
func movedTo(c *call, address string) error {
	c.Header("Location", address)
	c.String(http.StatusMovedPermanently, "%s", "Moved Permanently. Redirecting to "+address)
	return nil
}

// noFile is the response for a file that does not exist, in the form of Backstage's publishers.
func (d docsRoutes) noFile(c *call) error {
	if !d.Store.IsFolder() {
		c.String(http.StatusNotFound, "File Not Found")
		return nil
	}
	c.Status(http.StatusNotFound)
	c.Writer.WriteHeaderNow()
	return nil
}
