package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
)

var testEnviron = []string{
	"PORT=7008", "GOLDEN_INPUT=/golden", "ROBOT_TOKEN= robot-token-0123 ", "APP_ID=4711", "DB_PASSWORD=pa55word",
	"OLD_KEY=MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "EMPTY=",
}

func load(t *testing.T, environ []string, files ...string) (*config.Config, error) {
	t.Helper()
	return config.Load(t.Context(), config.Options{Files: files, Environ: append(slices.Clone(testEnviron), environ...)})
}

// written writes a configuration file for a test.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestBackstageConfigurationLoadsAsItIs(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/backstage-golden.yaml")
	require.NoError(t, err)

	require.Equal(t, "http://127.0.0.1:7008", loaded.Backend.BaseURL)
	require.Equal(t, config.Listen{Host: "127.0.0.1", Port: 7008}, loaded.Backend.Listen)
	require.Equal(t, []config.ExternalAccess{
		{Type: "static", Options: config.ExternalAccessOptions{Token: "peer-static-token-0123456789", Subject: "peer-bench"}},
		{
			Type:               "static",
			Options:            config.ExternalAccessOptions{Token: "peer-search-only-token-0123456789", Subject: "peer-search-only"},
			AccessRestrictions: []config.AccessRestriction{{Plugin: "search"}},
		},
	}, loaded.Backend.Auth.ExternalAccess)
	require.Equal(t, []config.ReadingAllow{{Host: "127.0.0.1:7110"}}, loaded.Backend.Reading.Allow)
	require.Equal(t, &config.Guest{UserEntityRef: "user:default/guest", DangerouslyAllowOutsideDevelopment: true}, loaded.Auth.Providers.Guest)
	require.True(t, loaded.Permission.Enabled)
	require.Equal(t, "/golden/templates.yaml", loaded.Catalog.Locations[1].Target)
	require.Len(t, loaded.Catalog.Rules[0].Allow, 9)
	require.Nil(t, loaded.Backend.CORS)
	require.Equal(t, "github.com", loaded.Integrations.GitHub[0].Host)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/empty.yaml")
	require.NoError(t, err)
	require.Equal(t, "Portico", loaded.App.Title)
	require.Equal(t, "http://localhost:7007", loaded.App.BaseURL)
	require.Nil(t, loaded.Auth.Providers.Guest)
	require.Nil(t, loaded.Catalog.Rules)
	require.Nil(t, loaded.Backend.CORS)
	require.Equal(t, 100*time.Second, loaded.Catalog.ProcessingInterval)
	require.Equal(t, 7*24*time.Hour, loaded.Portico.Run.ParkedExpiry)
	require.Equal(t, config.Retry{InitialInterval: time.Second, MaximumInterval: time.Minute, MaximumAttempts: 5}, loaded.Portico.Run.Retry)
	require.Equal(t, []config.GitHub{{
		Host: "github.com", APIBaseURL: "https://api.github.com", RawBaseURL: "https://raw.githubusercontent.com",
	}}, loaded.Integrations.GitHub)
}

// TestEveryKeyReachesItsField loads a file with every key, and checks that no field has its zero value.
func TestEveryKeyReachesItsField(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/every-key.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"config.Search.Collators.TechDocs.Schedule.Frequency.Every", "config.Warnings"}, zeros("config", reflect.ValueOf(*loaded)), "it is a cron expression")

	require.Equal(t, config.Secret("ghp_fallback"), loaded.Integrations.GitHub[0].Token)
	require.Equal(t, map[string][]string{"repository_id": {"4711"}, "ref": {"refs/heads/main", "refs/tags/v*"}, "ref_protected": {"true"}},
		loaded.Portico.TokenExchange.Issuers[0].Rules[0].Claims)
	require.Equal(t, "http://backstage.internal:7007/api/{{pluginId}}", loaded.Discovery.Endpoints[0].Target.Internal)
	require.Equal(t, "https://ghe.acme.example/api/v3", loaded.Integrations.GitHub[0].APIBaseURL)
	require.Equal(t, config.Secret("-----BEGIN KEY-----\nabc\n-----END KEY-----"), loaded.Integrations.GitHub[0].Apps[0].PrivateKey)
	require.Equal(t, int64(4711), loaded.Integrations.GitHub[0].Apps[0].AppID)
	require.Equal(t, []string{"portico", "backstage"}, loaded.Backend.Auth.ExternalAccess[2].Options.Audience)
	require.Equal(t, 10*time.Minute, loaded.Backend.CORS.MaxAge)
	require.Equal(t, []string{"catalog.entity.read", "catalog.location.read"}, loaded.Backend.Auth.ExternalAccess[0].AccessRestrictions[0].Permission)
	require.Equal(t, []config.AllowedKind{{Kind: "Component"}, {Kind: "Template", SpecType: "service"}}, loaded.Catalog.Rules[0].Allow)
	require.Equal(t, config.Secret("robot-token-0123"), loaded.Scaffolder.DefaultEnvironment.Secrets["registry"])
	require.Equal(t, config.Secret("postgres://portico:pa55word@db/portico"), loaded.Portico.Database.URL)
	require.Equal(t, 14*24*time.Hour, loaded.Portico.Run.ParkedExpiry)
	require.Equal(t, 24*time.Hour, loaded.Portico.Run.StepTimeout)
	require.Equal(t, 90*time.Second, loaded.Portico.Run.Retry.MaximumInterval)
	require.Equal(t, 8*time.Hour, loaded.Auth.Providers.OAuth["oidc"]["production"].SessionDuration)
	require.Equal(t, 5*time.Second, loaded.TechDocs.Cache.TTL)
	layer := loaded.Catalog.Model.Layers[0]
	require.Equal(t, []string{"Group", "User"}, layer.Kinds[0].Versions[0].RelationFields[0].AllowedKinds)
	require.Equal(t, map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "required": []any{"spec"}, "maxProperties": 7,
		"properties": map[string]any{"spec": map[string]any{"type": "object", "not": map[string]any{"const": "2024-01-02"}}}}, layer.Kinds[0].Versions[0].Schema.JSONSchema.Value)
	require.Equal(t, map[string]any{"enum": []any{"gold", 1, 1.5, true, nil}}, layer.Annotations[0].Schema.JSONSchema.Value)
}

// TestGitLabProviders: every key reaches its field, a pattern is not split, and there are Backstage's defaults.
func TestGitLabProviders(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/gitlab-providers.yaml")
	require.NoError(t, err)
	found := loaded.Catalog.Providers.GitLab
	require.Equal(t, []string{"everything.Schedule.Frequency.Cron"}, zeros("everything", reflect.ValueOf(found["everything"])))
	require.Equal(t, []string{"^acme/shop$", "^acme/web(/|$)"}, found["everything"].GroupPattern)
	require.Equal(t, config.GitLabProvider{
		Host: "gitlab.com", FallbackBranch: "master", EntityFilename: "catalog-info.yaml", ProjectPattern: `[\s\S]*`, UserPattern: `[\s\S]*`,
		GroupPattern: []string{"^acme/(web|shop), ?[a-z]{2,3}$"},
		Schedule:     config.Schedule{Frequency: config.Frequency{Every: 3 * time.Hour}, Timeout: time.Hour},
	}, found["web"])
}

// TestForgeProviders: every key reaches its field, and there are Backstage's defaults.
func TestForgeProviders(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/forge-providers.yaml")
	require.NoError(t, err)
	found := loaded.Catalog.Providers
	usual := config.Schedule{Frequency: config.Frequency{Every: 3 * time.Hour}, Timeout: time.Hour}
	require.Equal(t, []string{"gitea.Schedule.Frequency.Cron"}, zeros("gitea", reflect.ValueOf(found.Gitea["everything"])))
	require.Equal(t, config.GiteaProvider{Host: "gitea.acme.example", Organization: "web", CatalogPath: "catalog-info.yaml", Schedule: usual}, found.Gitea["web"])
	require.Equal(t, []string{"cloud.Schedule.Frequency.Cron"}, zeros("cloud", reflect.ValueOf(found.BitbucketCloud["everything"])))
	require.Equal(t, config.BitbucketCloudProvider{Workspace: "web", CatalogPath: "/catalog-info.yaml", Level: "workspace", Schedule: usual}, found.BitbucketCloud["web"])
	require.Equal(t, []string{"azure.Schedule.Frequency.Cron"}, zeros("azure", reflect.ValueOf(found.AzureDevOps["everything"])))
	require.Equal(t, config.AzureDevOpsProvider{
		Host: "dev.azure.com", Organization: "acme", Project: "web", Repository: "*", Path: "/catalog-info.yaml", Schedule: usual,
	}, found.AzureDevOps["web"])
	require.Equal(t, []string{"graph.Schedule.Frequency.Cron"}, zeros("graph", reflect.ValueOf(found.MicrosoftGraphOrg["everything"])))
	require.Equal(t, config.MicrosoftGraphProvider{
		Target: "https://graph.microsoft.com/v1.0", Authority: "https://login.microsoftonline.com", TenantID: "acme", QueryMode: "basic",
		User: config.MicrosoftGraphUsers{Path: "users"}, Group: config.MicrosoftGraphGroups{Path: "groups"}, Schedule: usual,
	}, found.MicrosoftGraphOrg["web"])
}

// TestLDAPProviders: every key reaches its field, null is not the default, and there are Backstage's defaults.
func TestLDAPProviders(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/ldap-providers.yaml")
	require.NoError(t, err)
	found := loaded.Catalog.Providers.LDAPOrg["everything"]
	require.Equal(t, []string{"found.Schedule.Frequency.Cron"}, slices.DeleteFunc(zeros("found", reflect.ValueOf(found)), func(field string) bool {
		return strings.HasPrefix(field, "found.Groups[].LDAPSearch.Options")
	}))
	require.Equal(t, map[string]any{"metadata.namespace": "ldap", "metadata.tags": []any{"a", 1, true}, "spec.x": map[string]any{"y": nil}}, found.Users[0].Set)
	require.Equal(t, config.LDAPPaged{Enabled: true, PageSize: 100, PagePause: true}, found.Users[0].Options.Paged)
	require.Equal(t, config.LDAPGroupNames{
		LDAPNames: config.LDAPNames{RDN: "cn", Name: "cn", Description: "description", DisplayName: "cn"}, Type: "groupType", Members: "uniqueMember",
	}, found.Groups[1].Map, "null is no attribute")
	require.Equal(t, config.LDAPOptions{
		Scope: "one", Attributes: []string{"*", "+"}, Paged: config.LDAPPaged{PageSize: 500, PagePause: true},
	}, found.Groups[1].Options)
	require.NotContains(t, fmt.Sprintf("%+v", found), "pa55word")
}

// TestBucketProviders: every key reaches its field, and one source may be written alone.
func TestBucketProviders(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/bucket-providers.yaml")
	require.NoError(t, err)
	found := loaded.Catalog.Providers
	require.Equal(t, []string{"s3.Schedule.Frequency.Cron"}, zeros("s3", reflect.ValueOf(found.AWSS3["everything"])))
	require.Equal(t, []string{"gcs.Schedule.Frequency.Cron"}, zeros("gcs", reflect.ValueOf(found.GoogleGCS["everything"])))
	schedule := config.Schedule{Frequency: config.Frequency{Every: 3 * time.Hour}, Timeout: time.Hour}
	require.Equal(t, config.AWSS3Provider{BucketName: "acme-other", Schedule: schedule}, found.AWSS3["other"])
	require.Equal(t, config.AzureBlobProvider{ContainerName: "catalog", AccountName: "acme", Schedule: schedule}, found.AzureBlob["default"])
	require.Equal(t, []config.AzureBlobStorage{{AccountName: "acme", Host: "blob.core.windows.net"}}, loaded.Integrations.AzureBlobStorage)
}

// zeros lists the fields that are zero, and for lists the fields that are zero in every item.
func zeros(path string, v reflect.Value) []string {
	var found []string
	switch {
	case v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0:
		return []string{path}
	case v.Kind() == reflect.Pointer:
		return zeros(path, v.Elem())
	case v.Kind() == reflect.Struct:
		for n := range v.NumField() {
			found = append(found, zeros(path+"."+v.Type().Field(n).Name, v.Field(n))...)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			found = append(found, zeros(path+"."+key.String(), v.MapIndex(key))...)
		}
	case v.Kind() == reflect.Slice:
		found = zeros(path+"[]", v.Index(0))
		for n := 1; n < v.Len(); n++ {
			also := zeros(path+"[]", v.Index(n))
			found = slices.DeleteFunc(found, func(field string) bool {
				return !slices.ContainsFunc(also, func(zero string) bool {
					return field == zero || strings.HasPrefix(field, zero+".") || strings.HasPrefix(field, zero+"[")
				})
			})
		}
	}
	return found
}

func TestEscapesAndUndefinedVariables(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/escapes.yaml")
	require.NoError(t, err)
	require.Equal(t, "${NOT_SET} costs $5 robot-token-0123 {x}", loaded.App.Title)
	require.Equal(t, "initial commit", loaded.Scaffolder.DefaultCommitMessage)
	require.Equal(t, config.Listen{Port: 7100}, loaded.Backend.Listen)
}

// TestSecretsOfVault: the place in the file is named, and nothing is asked of a Vault that no file refers to.
func TestSecretsOfVault(t *testing.T) {
	t.Parallel()
	at := vaulttest.Start(t)
	at.Put(t, "portico", map[string]any{"url": "postgres://portico@db/portico"})
	environ := []string{"VAULT_ADDR=" + at.Address, "VAULT_TOKEN=" + at.RootToken, "SECRET=portico"}
	loaded, err := load(t, environ, written(t, "app-config.yaml", "portico:\n  database:\n    url: { $vault: 'kv/data/${SECRET}#url' }"))
	require.NoError(t, err)
	require.Equal(t, config.Secret("postgres://portico@db/portico"), loaded.Portico.Database.URL)

	_, err = load(t, environ, written(t, "app-config.yaml", "portico:\n  database:\n    url: { $vault: 'kv/data/portico#uri' }"))
	require.ErrorContains(t, err, "app-config.yaml:3: failed to read $vault kv/data/portico#uri: the secret has no field 'uri'")
}

func TestVaultMustBeNamed(t *testing.T) {
	t.Parallel()
	_, err := load(t, nil, written(t, "app-config.yaml", "app:\n  title: { $vault: 'kv/data/portico#title' }"))
	require.ErrorContains(t, err, "app-config.yaml:2: failed to read $vault kv/data/portico#title: VAULT_ADDR is not set")
	_, err = load(t, nil, "testdata/good/empty.yaml")
	require.NoError(t, err)
}

func TestLaterFilesOverrideEarlierOnes(t *testing.T) {
	t.Parallel()
	base := written(t, "base.yaml", "app: {title: Base, baseUrl: http://base.example}\nbackend: {reading: {allow: [{host: a}, {host: b}]}}\ncatalog: {rules: [{allow: [API]}]}")
	over := written(t, "over.yaml", "app: {title: Over, baseUrl: null}\nbackend: {reading: {allow: [{host: c}]}}\ncatalog: null")
	loaded, err := load(t, nil, base, over)
	require.NoError(t, err)
	require.Equal(t, "Over", loaded.App.Title)
	require.Equal(t, []config.ReadingAllow{{Host: "c"}}, loaded.Backend.Reading.Allow)
	require.Equal(t, loaded.Backend.BaseURL, loaded.App.BaseURL)
	require.Nil(t, loaded.Catalog.Rules)
}

func TestEnvironmentOverridesFiles(t *testing.T) {
	t.Parallel()
	file := written(t, "app-config.yaml", "app: {title: File}\nbackend: {listen: {port: 1}}")
	loaded, err := load(t, []string{
		"APP_CONFIG_app_title=Env = yes", "APP_CONFIG_backend_listen_port=7100",
		`APP_CONFIG_catalog_rules=[{"allow":["API"]}]`, "APP_CONFIG_portico_run_parkedExpiry=PT1H", "APP_CONFIG_scaffolder_defaultCommitMessage=",
	}, file)
	require.NoError(t, err)
	require.Equal(t, "Env = yes", loaded.App.Title)
	require.Equal(t, 7100, loaded.Backend.Listen.Port)
	require.Equal(t, "API", loaded.Catalog.Rules[0].Allow[0].Kind)
	require.Equal(t, time.Hour, loaded.Portico.Run.ParkedExpiry)
}

func TestEnvironmentMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"unknown key": {[]string{"APP_CONFIG_portico_runs=1"}, "environment variable APP_CONFIG_portico_runs: unknown key 'portico.runs', did you mean 'portico.run'?"},
		"wrong type":  {[]string{"APP_CONFIG_app_title=7"}, "environment variable APP_CONFIG_app_title: invalid type in config for key 'app.title': got number, wanted string"},
		"bad key":     {[]string{"APP_CONFIG_app__title=x"}, "environment variable APP_CONFIG_app__title: invalid environment config key"},
		"null":        {[]string{"APP_CONFIG_app=null"}, "environment variable APP_CONFIG_app: value may not be null"},
		"twice": {
			[]string{`APP_CONFIG_app={"title":"a"}`, "APP_CONFIG_app_title=b", "APP_CONFIG_app_title_x=b"},
			"environment variable APP_CONFIG_app_title: refusing to override",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.environ, "testdata/good/empty.yaml")
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestDefaultFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, title := range map[string]string{
		"app-config.yaml": "base", "app-config.production.yaml": "production", "app-config.local.yaml": "local",
		"app-config.production.local.yaml": "production local",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("app: {title: "+title+"}"), 0o600))
	}
	for environ, want := range map[string]string{"": "local", "BACKSTAGE_ENV=production": "production local", "BACKSTAGE_ENV=other, x": "local"} {
		loaded, err := config.Load(t.Context(), config.Options{Dir: dir, Environ: []string{environ}})
		require.NoError(t, err)
		require.Equal(t, want, loaded.App.Title, environ)
	}
	loaded, err := config.Load(t.Context(), config.Options{Dir: t.TempDir(), Environ: []string{}})
	require.NoError(t, err)
	require.Equal(t, "Portico", loaded.App.Title)
}

// TestAnEmptyListDiffersFromAnAbsentOne: an empty list allows nothing, an absent one allows everything.
func TestAnEmptyListDiffersFromAnAbsentOne(t *testing.T) {
	t.Parallel()
	for owners, want := range map[string][]string{"": nil, ", allowedInstallationOwners: []": {}, ", allowedInstallationOwners: a b": {"a", "b"}} {
		loaded, err := load(t, nil, written(t, "app.yaml", "integrations: {github: [{apps: [{appId: 1, privateKey: x"+owners+"}]}]}"))
		require.NoError(t, err)
		require.Equal(t, want, loaded.Integrations.GitHub[0].Apps[0].AllowedInstallationOwners)
	}
}

func TestCORSMaxAgeAcceptsSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"600": 10 * time.Minute, "'1.5'": 1500 * time.Millisecond, "PT1H": time.Hour} {
		loaded, err := load(t, nil, written(t, "cors.yaml", "backend: {cors: {maxAge: "+text+"}}"))
		require.NoError(t, err)
		require.Equal(t, want, loaded.Backend.CORS.MaxAge)
	}
	_, err := load(t, nil, written(t, "cors.yaml", "backend: {cors: {maxAge: -1}}"))
	require.ErrorContains(t, err, "got number, wanted duration")
}

func TestMisspelledKeysAreWarnings(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/misspelt.yaml")
	require.NoError(t, err, "another program may have such keys")
	var warned []string
	for _, warning := range loaded.Warnings {
		warned = append(warned, strings.TrimPrefix(warning.String(), "testdata/good/"))
	}
	require.Equal(t, wanted(t, "testdata/good/misspelt.yaml"), warned)

	for _, file := range []string{"testdata/good/backstage-golden.yaml", "testdata/good/every-key.yaml"} {
		loaded, err := load(t, nil, file)
		require.NoError(t, err)
		require.Empty(t, loaded.Warnings, file)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := load(t, nil, "testdata/no-such-file.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = load(t, nil, "https://example.com/app-config.yaml")
	require.ErrorContains(t, err, "https://example.com/app-config.yaml: only files are read, not URLs")
	_, err = load(t, nil, t.TempDir())
	require.ErrorContains(t, err, "is a directory")
}

// TestBadFiles compares each error with the message at the beginning of its file.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			_, err := load(t, nil, file)
			require.Error(t, err)
			require.Equal(t, wanted(t, file), got(err))
		})
	}
}

func wanted(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var want []string
	for line := range strings.Lines(string(content)) {
		if message, ok := strings.CutPrefix(line, "# want: "); ok {
			want = append(want, strings.TrimSpace(message))
		}
	}
	return want
}

func got(err error) []string {
	text := strings.ReplaceAll(err.Error(), "testdata/bad/", "")
	text = strings.ReplaceAll(text, "stat no-such", "stat testdata/bad/no-such")
	if rest, ok := strings.CutPrefix(text, "the configuration is not valid:\n"); ok {
		return strings.Split(rest, "\n")
	}
	return []string{strings.TrimPrefix(text, "configuration: ")}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/every-key.yaml")
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(loaded)
	require.NoError(t, err)
	asJSON, err := json.Marshal(loaded)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "token", loaded.Integrations.GitHub[0].Token, "all", loaded)

	shown := string(asYAML) + string(asJSON) + log.String() +
		fmt.Sprintf("%v %+v %#v %s", *loaded, loaded.Portico, loaded.Integrations, loaded.Backend.Auth) +
		fmt.Sprintf("%x %q %d", loaded.Portico.Database.URL, loaded.Portico.Database.URL, loaded.Portico.Database.URL)
	for _, secret := range []string{"pa55word", "robot-token", "ghp_fallback", "BEGIN KEY", "MDEyMzQ1", "c2hhcmVk"} {
		require.NotContains(t, shown, secret)
	}
	require.Contains(t, string(asYAML), "title: Acme Portal")
	require.Contains(t, string(asYAML), "url: (secret)")
}

func TestSecretsAreNotRepeatedInProblems(t *testing.T) {
	t.Parallel()
	file := written(t, "a.yaml", "portico: {encryption: {keys: [{id: a, key: pa55word}]}, database: {url: [pa55word]}}\nbackend: {auth: {externalAccess: [{type: static, options: {subject: a, token: 'pa55 word'}}]}}")
	_, err := load(t, nil, file)
	var invalid *config.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, 3)
	require.NotContains(t, err.Error(), "pa55")
}

// TestCatalogProviders: a single source may be written without a name, as in Backstage.
func TestCatalogProviders(t *testing.T) {
	t.Parallel()
	loaded, err := load(t, nil, "testdata/good/catalog-providers.yaml")
	require.NoError(t, err)
	github := loaded.Catalog.Providers.GitHub
	require.Len(t, github, 1)
	require.Equal(t, "acme", github["default"].Organization)
	require.Equal(t, "github.com", github["default"].Host)
	require.Equal(t, "/catalog-info.yaml", github["default"].CatalogPath)
	require.True(t, github["default"].Filters.AllowForks)
	require.Equal(t, []string{"web"}, github["default"].Filters.Topic.Exclude)
	require.Equal(t, config.Schedule{Frequency: config.Frequency{Every: 3 * time.Hour}, Timeout: time.Hour}, github["default"].Schedule)

	organizations := loaded.Catalog.Providers.GitHubOrg
	require.Len(t, organizations, 1)
	require.Equal(t, "people", organizations[0].ID)
	require.Equal(t, config.Frequency{Cron: "0 2 * * *"}, organizations[0].Schedule.Frequency)

	loaded, err = load(t, nil, "testdata/good/catalog-providers-named.yaml")
	require.NoError(t, err)
	require.Equal(t, config.Frequency{}, loaded.Catalog.Providers.GitHub["by-hand"].Schedule.Frequency)
	require.Equal(t, config.Frequency{Every: 30 * time.Minute}, loaded.Catalog.Providers.GitHub["often"].Schedule.Frequency)
	require.EqualValues(t, 4711, loaded.Catalog.Providers.GitHub["often"].App)
	require.Empty(t, loaded.Catalog.Providers.GitHubOrg)
}
