package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/trail"
	"github.com/portico-dev/portico/bookmarks"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/events"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/sessions"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd/applications"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/integration/project"
	"github.com/portico-dev/portico/integration/secretpaths"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	runcallback "github.com/portico-dev/portico/scaffolder/callback"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/search/external"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/vault"
)

// callers are the columns of the table below.
var callers = []string{
	"nobody",     // sends no token
	"expired",    // has a token that was valid an hour ago
	"foreign",    // has a token with our issuer and key id, signed by another key
	"guest",      // is signed in, and has the role that everybody has
	"user",       // has the role of developers
	"owner",      // is a developer who owns the entity and has started the run
	"member",     // is a developer in the group that owns the entity
	"operator",   // has the role of operators
	"admin",      // may read and change roles, and read entities
	"service",    // has a machine's token
	"restricted", // has a machine's token for catalog.entity.read alone
}

// rolePolicies are the roles of the table, in the form of the RBAC plugin.
const rolePolicies = `p, role:default/developers, catalog.entity.read, read, allow
p, role:default/developers, catalog.location.read, read, allow
p, role:default/developers, catalog.entity.validate, use, allow
p, role:default/developers, scaffolder.task.create, create, allow
p, role:default/developers, scaffolder.action.execute, use, allow
p, role:default/developers, scaffolder.template.parameter.read, read, allow
p, role:default/developers, scaffolder.template.step.read, read, allow
g, user:default/user, role:default/developers
g, user:default/owner, role:default/developers
g, user:default/member, role:default/developers
p, role:default/operators, catalog.entity.read, read, allow
p, role:default/operators, catalog.entity.refresh, update, allow
p, role:default/operators, catalog.entity.delete, delete, allow
p, role:default/operators, catalog.entity.validate, use, allow
p, role:default/operators, catalog.entities.unprocessed.delete, delete, allow
p, role:default/operators, catalog.location.read, read, allow
p, role:default/operators, catalog.location.create, create, allow
p, role:default/operators, catalog.location.delete, delete, allow
p, role:default/operators, catalog.location.analyze, use, allow
p, role:default/operators, catalog.ingestion.read, read, allow
p, role:default/operators, catalog.ingestion.manage, update, allow
p, role:default/operators, scaffolder.task.create, create, allow
p, role:default/operators, scaffolder.action.execute, use, allow
p, role:default/operators, scaffolder.template.parameter.read, read, allow
p, role:default/operators, scaffolder.template.step.read, read, allow
p, role:default/operators, scaffolder.task.read, read, allow
p, role:default/operators, scaffolder.task.cancel, use, allow
p, role:default/operators, scaffolder.template.dry-run, use, allow
p, role:default/operators, scaffolder.template.management, use, allow
p, role:default/operators, portico.audit.read, read, allow
p, role:default/operators, portico.session.read, read, allow
p, role:default/operators, portico.session.delete, delete, allow
p, role:default/operators, portico.temporal.read, read, allow
p, role:default/operators, portico.search.source.update, update, allow
p, role:default/operators, portico.build.read, read, allow
p, role:default/operators, portico.build.rerun, use, allow
p, role:default/operators, portico.pull-request.read, read, allow
p, role:default/operators, portico.vault.read, read, allow
p, role:default/operators, kubernetes.clusters.read, read, allow
p, role:default/operators, kubernetes.resources.read, read, allow
p, role:default/operators, kubernetes.proxy, use, allow
p, role:default/operators, argocd.view.read, read, allow
g, user:default/operator, role:default/operators
`

const roleConditions = `result: CONDITIONAL
roleEntityRef: role:default/developers
pluginId: catalog
resourceType: catalog-entity
permissionMapping: [update, delete]
conditions: { rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: { claims: [$ownerRefs] } }
---
result: CONDITIONAL
roleEntityRef: role:default/developers
pluginId: scaffolder
resourceType: scaffolder-task
permissionMapping: [read, use]
conditions: { rule: IS_TASK_OWNER, resourceType: scaffolder-task, params: { createdBy: [$currentUser] } }
`

// accessBench is a server with every plugin, roles, and real tokens of all callers.
type accessBench struct {
	*ownThings

	tokens map[string]string
	// entities are the uids of the entities that the owner and the member's group own.
	entities []string
}

const ownerGroup = "group:default/group-19"

func newAccessBench(t *testing.T) *accessBench {
	t.Helper()
	b := &accessBench{ownThings: &ownThings{T: t, pool: testkit.Database(t)}}
	log := slog.New(slog.DiscardHandler)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	issuer := identity.NewIssuer(identity.IssuerOptions{URL: portal + "/api/auth", Keys: identity.NewSigningKeys(b.pool, keys, log), Ownerships: identity.NewOwnerships(b.pool)})
	decider, roles := b.roles(log)
	actions, err := action.NewRegistry()
	require.NoError(t, err)
	b.runs = run.NewStore(b.pool, keys)
	service := scaffolder.New(scaffolder.Options{Log: log, Catalog: catalogOfTemplates, Runs: b.runs, Engine: &commands{}, Actions: actions, Decider: decider, Access: access.NewRuns(decider)})
	entities := catalog.New(catalog.Options{Pool: b.pool, Decider: decider})
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	clusters, err := kubernetes.New(kubernetes.Config{}, kubernetes.Options{})
	require.NoError(t, err)
	match := map[policy.ResourceType]authorize.Match{policy.CatalogEntity: entities.MatchingEntities,
		policy.ScaffolderTask: service.MatchingRuns, policy.PolicyEntity: roles.MatchingRoles}
	signIn := signin.New(signin.Options{Pool: b.pool, Issuer: issuer, Seals: keys, Log: log})
	pushed := external.New(external.Options{Pool: b.pool, Decider: decider, Sources: []external.Config{
		{AboutSource: search.AboutSource{Name: "wiki", Title: "Wiki"}, Kind: "page", MaxDocuments: 1000}}})
	found := search.New(search.ServiceOptions{Pool: b.pool, Decider: decider, Runs: b.runs, Sources: pushed.Sources()})
	secret := []byte("a secret of a hundred and twenty-eight bits or more")
	authenticator := identity.NewAuthenticator(issuer, []identity.ExternalAccess{
		identity.StaticAccess("service-token", "external:ci", nil),
		identity.StaticAccess("restricted-token", "external:crawler", []identity.Restriction{{Plugin: "catalog", Permissions: []string{"catalog.entity.read"}}}),
		identity.LegacyAccess(secret, "external:old", nil),
	})
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Refusals, o.WrongTokensPerMinute = audit.NewAttempts(b.pool, log), 1000
		o.Authenticator, o.Limited = authenticator, authenticator.AuthenticateLimited
		o.Plugins = []api.Plugin{
			api.NewAuthPlugin(api.AuthOptions{Issuer: issuer, SignIn: signIn, BaseURL: portal, PortalURL: portal}),
			api.NewSessionsPlugin(sessions.New(signIn, decider)),
			api.NewSourcesPlugin(sweep.NewService(sweep.ServiceOptions{Pool: b.pool, Decider: decider, Log: log})),
			api.NewDocsBuildsPlugin(build.NewService(build.ServiceOptions{Log: log, Catalog: entities,
				Store: build.NewStore(build.StoreOptions{Pool: b.pool, Engine: docsEngine{}, Hosts: hosts, Interval: time.Hour})}), nil),
			api.NewCatalogPlugin(entities),
			api.NewCatalogExplanationPlugin(entities),
			api.NewScaffolderPlugin(service, db.NewListener(b.pool, run.Channel, log)),
			api.NewPorticoPlugin(api.Info{Title: "Test"}, service, nil),
			api.NewEventsPlugin(events.New(events.Options{Pool: b.pool, Log: log, Hosts: hosts,
				Sources: []hostevents.Source{github.NewWebhook(hostevents.Secrets{{Value: "secret"}})}})),
			api.NewCallbacksPlugin(runcallback.New(runcallback.Options{Pool: b.pool, Log: log})),
			api.NewBookmarksPlugin(bookmarks.New(b.pool)),
			api.NewSearchPlugin(found), api.NewSearchEverythingPlugin(found), api.NewSearchSourcesPlugin(pushed),
			api.NewHostsPlugin(picker.New(picker.Options{Hosts: hosts, Decider: decider})),
			api.NewAutocompletePlugin(picker.New(picker.Options{Hosts: hosts, Decider: decider})),
			api.NewKubernetesPlugin(workloads.New(workloads.Options{Clusters: clusters, Entities: subject.Finder{Catalog: entities, Decider: decider}})),
			api.NewProjectPlugin(project.New(project.Options{Hosts: hosts, Entities: subject.Finder{Catalog: entities, Decider: decider}})),
			api.NewVaultPlugin(secretpaths.New(secretpaths.Options{Entities: subject.Finder{Catalog: entities, Decider: decider}, Sessions: vault.NewSessions(vault.Settings{})})),
			api.NewArgoCDPlugin(applications.New(applications.Options{Entities: subject.Finder{Catalog: entities, Decider: decider}})),
			api.NewArgoCDMetadataPlugin(),
			api.NewAuditPlugin(trail.New(b.pool, decider)),
			api.NewProxyPlugin(proxyTo(t, temporalUI(t))),
			api.NewTechDocsPlugin(api.TechDocsOptions{Log: log, Catalog: entities, Store: docsOf(t, "component-1"), Locate: located}),
			api.NewTemporalPlugin(api.TemporalOptions{Log: log, Decider: decider, Upstream: temporalUI(t), Namespace: "default", BaseURL: portal}),
			api.NewRolesPlugin(roles),
			api.NewRoleEditorPlugin(roles),
			api.NewPermissionPlugin(authorize.New(authorize.Options{Decider: decider, Foreign: decider.DecideQuery, Match: match})),
			api.NewExplainPlugin(explain.New(explain.Options{Decider: decider, Roles: decider, Match: match,
				MemberOf: func(context.Context, string) ([]string, error) { return nil, nil }})),
			api.NewPreviewPlugin(preview.New(preview.Options{Roles: roles, Decider: decider, People: rbac.CatalogPeople(b.pool, rbac.PeopleLevels{})})),
		}
	})
	server.Dismiss() // streams of events end at once
	b.http = server
	b.signIn(issuer, secret)
	b.fill()
	b.index()
	b.start("owner")
	return b
}

func (b *accessBench) roles(log *slog.Logger) (*rbac.Decider, *rbac.Service) {
	b.Helper()
	files := rbac.Files{Policies: b.TempDir() + "/policies.csv", Conditions: b.TempDir() + "/conditions.yaml"}
	require.NoError(b, os.WriteFile(files.Policies, []byte(rolePolicies), 0o600))
	require.NoError(b, os.WriteFile(files.Conditions, []byte(roleConditions), 0o600))
	decider := rbac.NewDecider(rbac.DeciderOptions{Log: log, GroupsOf: func(context.Context, string, int, int) ([]string, error) { return nil, nil }})
	service := rbac.New(rbac.Options{Log: log, Pool: b.pool, Decider: decider, Limits: rbac.DefaultLimits(), Files: files,
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}, {Plugin: "scaffolder", Rules: run.Rules},
			{Plugin: "scaffolder", Rules: access.ActionRules}, {Plugin: "scaffolder", Rules: access.TemplateRules}, {Plugin: "permission", Rules: rbac.Rules}},
		Configured: rbac.Configured{Admins: []string{"user:default/admin"}, Plugins: []string{"catalog", "scaffolder", "permission"}, DefaultRole: "role:default/everyone",
			DefaultPolicies: []rbac.Policy{{Permission: "catalog.location.analyze", Action: "use", Effect: "allow"}}}})
	require.NoError(b, service.SyncFiles(b.Context()))
	return decider, service
}

// signIn makes the tokens of the callers.
func (b *accessBench) signIn(issuer *identity.Issuer, secret []byte) {
	b.Helper()
	b.tokens = map[string]string{"nobody": "", "service": "service-token", "restricted": "restricted-token"}
	for _, user := range []string{"guest", "user", "owner", "member", "operator", "admin"} {
		ref := "user:default/" + user
		ownership := []string{ref}
		if user == "member" {
			ownership = append(ownership, ownerGroup)
		}
		token, err := issuer.Issue(b.Context(), ref, ownership)
		require.NoError(b, err)
		b.tokens[user] = token
	}
	b.tokens["expired"] = sign(b.T, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, "", "", jwt.Claims{Subject: "backstage-server", Expiry: jwt.NewNumericDate(time.Now().Add(-time.Hour))})
	ours, err := jwt.ParseSigned(b.tokens["admin"], []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(b, err)
	var claims jwt.Claims
	require.NoError(b, ours.UnsafeClaimsWithoutVerification(&claims))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	b.tokens["foreign"] = sign(b.T, jose.SigningKey{Algorithm: jose.ES256, Key: key}, ours.Headers[0].KeyID, "vnd.backstage.user", claims)
}

func sign(t *testing.T, key jose.SigningKey, id, kind string, claims jwt.Claims) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)).WithHeader("kid", id))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return token
}

// docsEngine starts no workflow.
type docsEngine struct{}

func (docsEngine) Wake(context.Context, string, build.Cause) error { return nil }

// fill writes a catalog. The entities of the group are the owner's too.
func (b *accessBench) fill() {
	b.Helper()
	catalogtest.Fill(b.T, b.pool, 180)
	for _, uid := range b.owned(ownerGroup) {
		b.entities = append(b.entities, uid)
	}
	for _, statement := range []string{
		`insert into catalog_search (entity_id, kind, key, value, original_value)
			select entity_id, kind, key, 'user:default/owner', 'user:default/owner' from catalog_search where key = 'relations.ownedby' and entity_id = any($1)`,
		`update catalog_entities set entity = jsonb_set(entity::jsonb, '{relations,1}', '{"type":"ownedBy","targetRef":"user:default/owner"}', true)::json
			where entity_id = any($1)`,
	} {
		_, err := b.pool.Exec(b.Context(), statement, b.entities)
		require.NoError(b, err)
	}
}

// index writes what is found.
func (b *accessBench) index() {
	b.Helper()
	index := search.NewIndex(b.pool, slog.New(slog.DiscardHandler), search.IndexOptions{})
	for changes := 1; changes > 0; {
		var err error
		changes, err = index.CatchUp(b.Context())
		require.NoError(b, err)
	}
}

// fresh is a request for one caller: what it may change is there for it alone.
func (b *accessBench) fresh(text string) string {
	b.Helper()
	if strings.Contains(text, "{run}") {
		text = strings.ReplaceAll(text, "{run}", b.start("owner"))
	}
	if strings.Contains(text, "{role}") {
		name := "r" + uuid.NewString()
		answer := httptest.NewRecorder()
		b.http.ServeHTTP(answer, newRequest(b.Context(), http.MethodPost, "/api/permission/roles",
			`{"name":"role:default/`+name+`","memberReferences":["user:default/guest"]}`, "Authorization", "Bearer "+b.tokens["admin"]))
		require.Equal(b, http.StatusCreated, answer.Code, answer.Body.String())
		text = strings.ReplaceAll(text, "{role}", name)
	}
	if strings.Contains(text, "{uid}") || strings.Contains(text, "{ref}") || strings.Contains(text, "{refPath}") {
		var uid, ref string
		require.NoError(b, b.pool.QueryRow(b.Context(), "select entity_id::text, entity_ref from catalog_entities where entity_id = any($1) order by 2 limit 1", b.entities).Scan(&uid, &ref))
		text = strings.NewReplacer("{uid}", uid, "{ref}", ref, "{refPath}", strings.Replace(ref, ":", "/", 1)).Replace(text)
	}
	if strings.Contains(text, "{location}") {
		id := uuid.NewString()
		_, err := b.pool.Exec(b.Context(), "insert into catalog_locations (id, type, target, entity_ref) values ($1, 'url', $2, $3)", id, "https://example.com/"+id, "location:default/generated-"+id)
		require.NoError(b, err)
		text = strings.ReplaceAll(text, "{location}", id)
	}
	if strings.Contains(text, "{session}") {
		id := uuid.NewString()
		_, err := b.pool.Exec(b.Context(), `insert into sign_in_sessions (id, session_id, provider, environment, user_ref, subject, tokens, expires_at)
			values ($1, $2, 'none', 'test', 'user:default/owner', 'x', '', now() + interval '1 hour')`, []byte(id), id)
		require.NoError(b, err)
		text = strings.ReplaceAll(text, "{session}", id)
	}
	return strings.ReplaceAll(text, "{new}", strings.ToLower(uuid.NewString()))
}

// accessRow is a row: a route, a request for it, and the status that each caller gets. A deletion removes what it
// is about, so that each caller gets something of its own. 400 and 404 of a caller that gets past the decision
// are what is wrong with the request.
type accessRow struct{ route, path, body, expected string }

var accessTable = []accessRow{
	// The columns of the statuses: nobody expired foreign guest user owner member operator admin service restricted
	{`GET /.backstage/health/v1/liveness`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`GET /.backstage/health/v1/readiness`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`GET /api/openapi.json`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`DELETE /api/{plugin}/.backstage/auth/v1/cookie`, `/api/catalog/.backstage/auth/v1/cookie`, ``, `204 204 204 204 204 204 204 204 204 204 204`},
	{`GET /api/{plugin}/.backstage/auth/v1/cookie`, `/api/catalog/.backstage/auth/v1/cookie`, ``, `401 401 401 200 200 200 200 200 200 403 403`},
	{`GET /api/{plugin}/.backstage/auth/v1/jwks.json`, `/api/catalog/.backstage/auth/v1/jwks.json`, ``, `none none none none none none none none none none none`},
	{`GET /api/auth/.well-known/jwks.json`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`GET /api/auth/.well-known/openid-configuration`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`POST /api/auth/v1/token`, ``, ``, `404 404 404 404 404 404 404 404 404 404 404`},
	{`GET /api/auth/v1/userinfo`, ``, ``, `401 401 401 200 200 200 200 200 200 400 403`},
	{`GET /api/auth/{provider}/handler/frame`, `/api/auth/none/handler/frame`, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`POST /api/auth/{provider}/logout`, `/api/auth/none/logout`, ``, `404 404 404 404 404 404 404 404 404 404 404`},
	{`GET /api/auth/{provider}/refresh`, `/api/auth/none/refresh`, ``, `404 404 404 404 404 404 404 404 404 404 404`},
	{`POST /api/auth/{provider}/refresh`, `/api/auth/none/refresh`, ``, `404 404 404 404 404 404 404 404 404 404 404`},
	{`GET /api/auth/{provider}/start`, `/api/auth/none/start`, ``, `404 404 404 404 404 404 404 404 404 404 404`},
	{`POST /api/catalog/.well-known/backstage/permissions/apply-conditions`, ``, `{"items":[]}`, `401 401 401 403 403 403 403 403 403 none none`},
	{`GET /api/catalog/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 200`},
	{`POST /api/catalog/analyze-location`, ``, `{"location":{"type":"file","target":"/etc/passwd"}}`, `401 401 401 400 400 400 400 400 400 400 403`},
	{`GET /api/catalog/entities`, `/api/catalog/entities?limit=1`, ``, `401 401 401 none 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/by-name/{kind}/{namespace}/{name}`, `/api/catalog/entities/by-name/component/default/component-1`, ``, `401 401 401 404 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/by-name/{kind}/{namespace}/{name}/ancestry`, `/api/catalog/entities/by-name/component/default/component-1/ancestry`, ``, `401 401 401 403 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/by-name/{kind}/{namespace}/{name}/history`, `/api/catalog/entities/by-name/component/default/component-1/history`, ``, `401 401 401 404 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/by-query`, `/api/catalog/entities/by-query?limit=1`, ``, `401 401 401 none 200 200 200 200 200 200 200`},
	{`POST /api/catalog/entities/by-query`, ``, `{"limit":1}`, `401 401 401 none 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/export`, `/api/catalog/entities/export?format=json`, ``, `401 401 401 none 200 200 200 200 200 200 200`},
	{`POST /api/catalog/entities/export`, ``, `{"format":"json"}`, `401 401 401 none 200 200 200 200 200 200 200`},
	{`POST /api/catalog/entities/by-refs`, ``, `{"entityRefs":["component:default/component-1"]}`, `401 401 401 none 200 200 200 200 200 200 200`},
	{`DELETE /api/catalog/entities/by-uid/{uid}`, `/api/catalog/entities/by-uid/{uid}`, ``, `401 401 401 403 403 204 204 204 403 204 403`},
	{`GET /api/catalog/entities/by-uid/{uid}`, `/api/catalog/entities/by-uid/{uid}`, ``, `401 401 401 404 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/by-uid/{uid}/history`, `/api/catalog/entities/by-uid/{uid}/history`, ``, `401 401 401 404 200 200 200 200 200 200 200`},
	{`DELETE /api/catalog/entities/unprocessed/delete/{uid}`, `/api/catalog/entities/unprocessed/delete/{new}`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`GET /api/catalog/entities/unprocessed/failed`, ``, ``, `401 401 401 200 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entities/unprocessed/pending`, ``, ``, `401 401 401 200 200 200 200 200 200 200 200`},
	{`GET /api/catalog/entity-facets`, `/api/catalog/entity-facets?facet=kind`, ``, `401 401 401 none 200 200 200 200 200 200 200`},
	{`POST /api/catalog/entity-facets`, ``, `{"facets":["kind"]}`, `401 401 401 none 200 200 200 200 200 200 200`},
	{`GET /api/catalog/health`, ``, ``, `401 401 401 403 403 403 403 200 403 200 403`},
	{`GET /api/catalog/health/conflicts`, ``, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/catalog/health/entities/{finding}`, `/api/catalog/health/entities/unowned`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/catalog/locations`, ``, ``, `401 401 401 none 200 200 200 200 none 200 none`},
	{`POST /api/catalog/locations`, ``, `{"type":"url","target":"https://example.com/{new}"}`, `401 401 401 403 403 403 403 201 403 201 403`},
	{`GET /api/catalog/locations/by-entity/{kind}/{namespace}/{name}`, `/api/catalog/locations/by-entity/component/default/component-1`, ``, `401 401 401 404 200 200 200 200 404 200 404`},
	{`POST /api/catalog/locations/by-query`, ``, `{}`, `401 401 401 none 200 200 200 200 none 200 none`},
	{`DELETE /api/catalog/locations/{id}`, `/api/catalog/locations/{location}`, ``, `401 401 401 403 403 403 403 204 403 204 403`},
	{`GET /api/catalog/locations/{id}`, `/api/catalog/locations/{location}`, ``, `401 401 401 404 200 200 200 200 404 200 404`},
	{`PUT /api/catalog/locations/{id}`, `/api/catalog/locations/{location}`, `{"type":"url","target":"https://example.com/{new}"}`, `401 401 401 403 403 403 403 200 403 200 403`},
	{`POST /api/catalog/refresh`, ``, `{"entityRef":"{ref}"}`, `401 401 401 403 403 200 200 200 403 200 403`},
	{`POST /api/catalog/validate-entity`, ``, `{"location":"url:https://example.com/a","entity":{}}`, `401 401 401 403 400 400 400 400 403 400 403`},
	{`GET /api/argocd/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/kubernetes/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/kubernetes/clusters`, ``, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/kubernetes/proxy/{path}`, `/api/kubernetes/proxy/api/v1/namespaces/shop/pods/shop-1/log`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/kubernetes/resources/custom/query`, ``, `{"entityRef":"component:default/component-1","customResources":[{"group":"argoproj.io","apiVersion":"v1alpha1","plural":"rollouts"}]}`, `401 401 401 403 403 403 403 none 403 none 403`},
	{`POST /api/kubernetes/resources/workloads/query`, ``, `{"entityRef":"component:default/component-1"}`, `401 401 401 403 403 403 403 none 403 none 403`},
	{`POST /api/kubernetes/services/{serviceId}`, `/api/kubernetes/services/component-1`, `{"entity":{"kind":"Component","metadata":{"name":"component-1"}}}`, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/permission`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`POST /api/permission/.well-known/backstage/permissions/apply-conditions`, ``, `{"items":[]}`, `401 401 401 403 403 403 403 403 403 none 403`},
	{`GET /api/permission/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`POST /api/permission/authorize`, ``, `{"items":[]}`, `401 401 401 none none none none none none 403 403`},
	{`GET /api/permission/health`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`GET /api/permission/plugins/condition-rules`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`DELETE /api/permission/plugins/id`, ``, `{"ids":["search"]}`, `401 401 401 403 403 403 403 403 404 403 403`},
	{`GET /api/permission/plugins/id`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`POST /api/permission/plugins/id`, ``, `{"ids":["{new}"]}`, `401 401 401 403 403 403 403 403 200 403 403`},
	{`GET /api/permission/plugins/policies`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`GET /api/permission/policies`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`POST /api/permission/policies`, ``, `[]`, `401 401 401 403 403 403 403 403 400 403 403`},
	{`DELETE /api/permission/policies/{kind}/{namespace}/{name}`, `/api/permission/policies/role/default/developers`, `[]`, `401 401 401 403 403 403 403 403 400 403 403`},
	{`GET /api/permission/policies/{kind}/{namespace}/{name}`, `/api/permission/policies/role/default/developers`, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`PUT /api/permission/policies/{kind}/{namespace}/{name}`, `/api/permission/policies/role/default/developers`, `{}`, `401 401 401 403 403 403 403 403 400 403 403`},
	{`POST /api/permission/refresh/{id}`, `/api/permission/refresh/none`, ``, `401 401 401 403 403 403 403 403 404 404 403`},
	{`GET /api/permission/roles`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`POST /api/permission/roles`, ``, `{"name":"role:default/{new}","memberReferences":["user:default/guest"]}`, `401 401 401 403 403 403 403 403 201 403 403`},
	{`GET /api/permission/roles/conditions`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`POST /api/permission/roles/conditions`, ``, `{}`, `401 401 401 403 403 403 403 403 400 403 403`},
	{`DELETE /api/permission/roles/conditions/{id}`, `/api/permission/roles/conditions/4711`, ``, `401 401 401 403 403 403 403 403 404 403 403`},
	{`GET /api/permission/roles/conditions/{id}`, `/api/permission/roles/conditions/4711`, ``, `401 401 401 403 403 403 403 403 404 404 403`},
	{`PUT /api/permission/roles/conditions/{id}`, `/api/permission/roles/conditions/4711`, `{}`, `401 401 401 403 403 403 403 403 404 403 403`},
	{`DELETE /api/permission/roles/{kind}/{namespace}/{name}`, `/api/permission/roles/role/default/{role}`, ``, `401 401 401 403 403 403 403 403 204 403 403`},
	{`GET /api/permission/roles/{kind}/{namespace}/{name}`, `/api/permission/roles/role/default/developers`, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`PUT /api/permission/roles/{kind}/{namespace}/{name}`, `/api/permission/roles/role/default/developers`, `{}`, `401 401 401 403 403 403 403 403 400 403 403`},
	{`GET /api/portico/v1/audit`, ``, ``, `401 401 401 403 403 403 403 200 403 200 403`},
	{`GET /api/portico/v1/audit/actions`, ``, ``, `401 401 401 403 403 403 403 200 403 200 403`},
	{`POST /api/portico/v1/catalog/conflicts/resolve`, ``, `{"entityRef":"component:default/component-1","claimant":"url:https://example.com/other.yaml"}`, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/inspect`, ``, `{"target":"nowhere"}`, `401 401 401 403 403 403 403 400 403 400 403`},
	{`GET /api/portico/v1/catalog/model`, ``, ``, `401 401 401 403 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/catalog/sources`, ``, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/catalog/sources/{name}`, `/api/portico/v1/catalog/sources/none`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sources/{name}/sweep`, `/api/portico/v1/catalog/sources/none/sweep`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sources/{name}/pause`, `/api/portico/v1/catalog/sources/none/pause`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sources/{name}/resume`, `/api/portico/v1/catalog/sources/none/resume`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`GET /api/portico/v1/catalog/sweeps/{id}`, `/api/portico/v1/catalog/sweeps/{uid}`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sweeps/{id}/approve`, `/api/portico/v1/catalog/sweeps/{uid}/approve`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sweeps/{id}/drop`, `/api/portico/v1/catalog/sweeps/{uid}/drop`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/catalog/sweeps/{id}/cancel`, `/api/portico/v1/catalog/sweeps/{uid}/cancel`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/builds`, `/api/portico/v1/entities/by-name/component/default/component-1/builds`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/builds/{id}/jobs`, `/api/portico/v1/entities/by-name/component/default/component-1/builds/github-1/jobs`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`POST /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/builds/{id}/rerun`, `/api/portico/v1/entities/by-name/component/default/component-1/builds/github-1/rerun`, ``, `401 401 401 403 403 403 403 404 403 404 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/explain`, `/api/portico/v1/entities/by-name/component/default/component-1/explain`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/pull-requests`, `/api/portico/v1/entities/by-name/component/default/component-1/pull-requests`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/techdocs/builds/{id}`, `/api/portico/v1/techdocs/builds/{uid}`, ``, `401 401 401 404 404 404 404 404 404 404 403`},
	{`GET /api/portico/v1/techdocs/sites`, ``, ``, `401 401 401 none none none none none none none 403`},
	{`GET /api/portico/v1/techdocs/sites/{kind}/{namespace}/{name}`, `/api/portico/v1/techdocs/sites/component/default/component-1`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`POST /api/portico/v1/techdocs/sites/{kind}/{namespace}/{name}/build`, `/api/portico/v1/techdocs/sites/{refPath}/build`, ``, `401 401 401 403 403 400 400 400 403 400 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/vault`, `/api/portico/v1/entities/by-name/component/default/component-1/vault`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/entities/by-name/{kind}/{namespace}/{name}/argocd`, `/api/portico/v1/entities/by-name/component/default/component-1/argocd`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/hosts`, ``, ``, `401 401 401 403 200 200 200 200 403 200 403`},
	{`GET /api/portico/v1/hosts/{host}/branches`, `/api/portico/v1/hosts/none.example.com/branches`, ``, `401 401 401 403 404 404 404 404 403 404 403`},
	{`GET /api/portico/v1/hosts/{host}/parts/{part}`, `/api/portico/v1/hosts/none.example.com/parts/owner`, ``, `401 401 401 403 404 404 404 404 403 404 403`},
	{`GET /api/portico/v1/hosts/{host}/repositories/{owner}/{name}`, `/api/portico/v1/hosts/none.example.com/repositories/a/b`, ``, `401 401 401 403 404 404 404 404 403 404 403`},
	{`GET /api/portico/v1/info`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/sign-in`, ``, ``, `200 200 200 200 200 200 200 200 200 200 200`},
	{`GET /api/portico/v1/sessions`, `/api/portico/v1/sessions?user=user:default/owner`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`DELETE /api/portico/v1/sessions`, `/api/portico/v1/sessions?user=user:default/{new}`, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`DELETE /api/portico/v1/sessions/{id}`, `/api/portico/v1/sessions/{session}`, ``, `401 401 401 403 403 403 403 204 403 204 403`},
	{`GET /api/portico/v1/me`, ``, ``, `401 401 401 200 200 200 200 200 200 403 403`},
	{`GET /api/portico/v1/me/sessions`, ``, ``, `401 401 401 none none 200 none none none 403 403`},
	{`DELETE /api/portico/v1/me/sessions`, ``, ``, `401 401 401 none none 200 none none none 403 403`},
	{`DELETE /api/portico/v1/me/sessions/{id}`, `/api/portico/v1/me/sessions/{session}`, ``, `401 401 401 404 404 204 404 404 404 403 403`},
	{`DELETE /api/portico/v1/me/recent`, `/api/portico/v1/me/recent?entityRef=component:default/component-1`, ``, `401 401 401 204 204 204 204 204 204 403 403`},
	{`GET /api/portico/v1/me/recent`, ``, ``, `401 401 401 none none none none none none 403 403`},
	{`PUT /api/portico/v1/me/recent`, ``, `{"entityRef":"component:default/component-1"}`, `401 401 401 204 204 204 204 204 204 403 403`},
	{`DELETE /api/portico/v1/me/stars`, `/api/portico/v1/me/stars?entityRef=component:default/component-1`, ``, `401 401 401 204 204 204 204 204 204 403 403`},
	{`GET /api/portico/v1/me/stars`, ``, ``, `401 401 401 none none none none none none 403 403`},
	{`PUT /api/portico/v1/me/stars`, ``, `{"entityRef":"component:default/component-1"}`, `401 401 401 204 204 204 204 204 204 403 403`},
	{`GET /api/portico/v1/policy/access`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/policy/explain`, `/api/portico/v1/policy/explain?user=user:default/user&permission=catalog.entity.read`, ``, `401 401 401 403 200 403 403 403 200 200 403`},
	{`POST /api/portico/v1/policy/preview`, ``, `{"changes":[{"createRole":{"name":"role:default/{new}","memberReferences":["user:default/guest"]}}]}`, `401 401 401 403 403 403 403 403 200 403 403`},
	{`POST /api/portico/v1/policy/preview`, ``, `{"files":{}}`, `401 401 401 403 403 403 403 403 200 200 403`},
	{`GET /api/portico/v1/policy/roles`, ``, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`GET /api/portico/v1/policy/roles/{namespace}/{name}`, `/api/portico/v1/policy/roles/default/developers`, ``, `401 401 401 403 403 403 403 403 200 200 403`},
	{`PUT /api/portico/v1/policy/roles/{namespace}/{name}`, `/api/portico/v1/policy/roles/default/{new}`, `{"memberReferences":["user:default/guest"],"policies":[],"conditions":[]}`, `401 401 401 403 403 403 403 403 204 403 403`},
	{`GET /api/portico/v1/run-causes`, ``, ``, `401 401 401 403 none 200 none 200 403 200 403`},
	{`GET /api/portico/v1/template-findings`, ``, ``, `401 401 401 403 none none none none 403 none 403`},
	{`GET /api/portico/v1/runs`, ``, ``, `401 401 401 403 none 200 none 200 403 200 403`},
	{`POST /api/events/http/{topic}`, `/api/events/http/github`, `{}`, `403 403 403 403 403 403 403 403 403 403 403`},
	{`POST /api/portico/v1/callbacks/{secret}`, `/api/portico/v1/callbacks/guessed`, `{}`, `404 404 404 404 404 404 404 404 404 404 404`},
	{`POST /api/portico/v1/callbacks/{secret}/failure`, `/api/portico/v1/callbacks/guessed/failure`, `{}`, `404 404 404 404 404 404 404 404 404 404 404`},
	{`GET /api/portico/v1/runs/{id}`, `/api/portico/v1/runs/{run}`, ``, `401 401 401 403 403 200 403 200 403 200 403`},
	{`POST /api/portico/v1/runs/{id}/rollback`, `/api/portico/v1/runs/{run}/rollback`, `{}`, `401 401 401 403 403 202 403 202 403 202 403`},
	{`POST /api/scaffolder/.well-known/backstage/permissions/apply-conditions`, ``, `{"items":[]}`, `401 401 401 403 403 403 403 403 403 none 403`},
	{`GET /api/portico/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/scaffolder/.well-known/backstage/permissions/metadata`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`DELETE /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`HEAD /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`OPTIONS /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`PATCH /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`POST /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/search/misses`, ``, ``, `401 401 401 403 403 403 403 none 403 none 403`},
	{`GET /api/portico/v1/search/rebuild`, ``, ``, `401 401 401 403 403 403 403 403 403 404 403`},
	{`POST /api/portico/v1/search/rebuild`, ``, ``, `401 401 401 403 403 403 403 403 403 202 403`},
	{`GET /api/portico/v1/search/sources`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`PUT /api/portico/v1/search/sources/{source}/documents`, `/api/portico/v1/search/sources/wiki/documents`, `[{"title":"Component","location":"https://wiki.example.com/1"}]`, `401 401 401 403 403 403 403 200 403 200 403`},
	{`DELETE /api/portico/v1/search/sources/{source}/documents`, `/api/portico/v1/search/sources/wiki/documents`, `{"ids":["nothing"]}`, `401 401 401 403 403 403 403 200 403 200 403`},
	{`GET /api/portico/v1/search/facets`, `/api/portico/v1/search/facets?q=component`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/portico/v1/search`, `/api/portico/v1/search?q=component`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`PUT /api/proxy/{path}`, `/api/proxy/ui/x`, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/scaffolder/v2/actions`, ``, ``, `401 401 401 none none none none none none none 403`},
	{`POST /api/scaffolder/v2/autocomplete/{provider}/{resource}`, `/api/scaffolder/v2/autocomplete/github/owners`, `{"token":"x","context":{"host":"none.example.com"}}`, `401 401 401 403 404 404 404 404 403 404 403`},
	{`POST /api/scaffolder/v2/dry-run`, ``, `{"template":{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"x"},"spec":{"parameters":{"required":["a"]},"steps":[]}},"values":{},"directoryContents":[]}`, `401 401 401 403 403 403 403 400 403 400 403`},
	{`GET /api/scaffolder/v2/tasks`, ``, ``, `401 401 401 403 none 200 none 200 403 200 403`},
	{`POST /api/scaffolder/v2/tasks`, ``, `{"templateRef":"template:default/hello","values":{"name":"shop"}}`, `401 401 401 403 201 201 201 201 403 201 403`},
	{`GET /api/scaffolder/v2/tasks/{taskId}`, `/api/scaffolder/v2/tasks/{run}`, ``, `401 401 401 403 403 200 403 200 403 200 403`},
	{`POST /api/scaffolder/v2/tasks/{taskId}/cancel`, `/api/scaffolder/v2/tasks/{run}/cancel`, ``, `401 401 401 403 403 200 403 200 403 200 403`},
	{`GET /api/scaffolder/v2/tasks/{taskId}/events`, `/api/scaffolder/v2/tasks/{run}/events`, ``, `401 401 401 403 403 200 403 200 403 200 403`},
	{`GET /api/scaffolder/v2/tasks/{taskId}/eventstream`, `/api/scaffolder/v2/tasks/{run}/eventstream`, ``, `401 401 401 403 403 200 403 200 403 200 403`},
	{`POST /api/scaffolder/v2/tasks/{taskId}/retry`, `/api/scaffolder/v2/tasks/{run}/retry`, `{}`, `401 401 401 403 403 201 403 201 403 201 403`},
	{`GET /api/scaffolder/v2/templates/{namespace}/{kind}/{name}/parameter-schema`, `/api/scaffolder/v2/templates/default/template/hello/parameter-schema`, ``, `401 401 401 403 200 200 200 200 403 200 403`},
	{`GET /api/scaffolder/v2/templating-extensions`, ``, ``, `401 401 401 200 200 200 200 200 200 200 403`},
	{`GET /api/techdocs/metadata/entity/{namespace}/{kind}/{name}`, `/api/techdocs/metadata/entity/default/component/component-1`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`GET /api/techdocs/metadata/techdocs/{namespace}/{kind}/{name}`, `/api/techdocs/metadata/techdocs/default/component/component-1`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`GET /api/techdocs/static/docs/{path}`, `/api/techdocs/static/docs/default/component/component-1/index.html`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`HEAD /api/techdocs/static/docs/{path}`, `/api/techdocs/static/docs/default/component/component-1/index.html`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`GET /api/techdocs/sync/{namespace}/{kind}/{name}`, `/api/techdocs/sync/default/component/component-1`, ``, `401 401 401 404 200 200 200 200 200 200 403`},
	{`GET /api/search/query`, `/api/search/query?term=component`, ``, `401 401 401 none 200 200 200 200 200 200 403`},
	{`GET /api/temporal/ui/{path}`, `/api/temporal/ui/`, ``, `401 401 401 403 403 403 403 200 403 200 403`},
}

// TestEveryRouteAnswersEveryCaller: each route has a row, and each caller of each row gets what it may.
func TestEveryRouteAnswersEveryCaller(t *testing.T) {
	t.Parallel()
	b := newAccessBench(t)
	rows := map[string]bool{}
	for _, row := range accessTable {
		rows[row.route] = true
		method, path, _ := strings.Cut(row.route, " ")
		if row.path != "" {
			path = row.path
		}
		var statuses []string
		for _, caller := range callers {
			authorization := ""
			if b.tokens[caller] != "" {
				authorization = "Bearer " + b.tokens[caller]
			}
			answer := httptest.NewRecorder()
			b.http.ServeHTTP(answer, newRequest(t.Context(), method, b.fresh(path), b.fresh(row.body), "Authorization", authorization, "X-Requested-With", "XMLHttpRequest"))
			statuses = append(statuses, summary(answer))
		}
		require.Equal(t, row.expected, strings.Join(statuses, " "), "%s: %s", row.route, strings.Join(callers, " "))
	}
	require.ElementsMatch(t, b.served(), slices.Collect(maps.Keys(rows)), "every route has a row")
}

// summary is the status of a response, or "none" for one that shows nothing, such as an empty list.
func summary(answer *httptest.ResponseRecorder) string {
	var body any
	if answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &body) == nil && isNothing(body) {
		return "none"
	}
	return strconv.Itoa(answer.Code)
}

// isNothing reports whether a value of JSON has no text, number or truth in it.
func isNothing(value any) bool {
	switch value := value.(type) {
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !isNothing(item) })
	case map[string]any:
		return isNothing(slices.Collect(maps.Values(value)))
	default:
		return value == nil || value == "" || value == 0.0 || value == false
	}
}

// served are all routes, as the document lists them.
func (b *accessBench) served() []string {
	b.Helper()
	stored, err := os.ReadFile("openapi.json")
	require.NoError(b, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(b, json.Unmarshal(stored, &document))
	var routes []string
	for path, methods := range document.Paths {
		for method := range methods {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	require.NotEmpty(b, routes)
	return routes
}
