//go:build !slim

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/examples"
	"github.com/portico-dev/portico/internal/devstack"
	"github.com/portico-dev/portico/internal/devstack/openid"
)

const (
	// devProvider is the id of the provider of --users in the configuration.
	devProvider = "oidc"
	// devSession is how long people stay signed in there.
	devSession = 30 * 24 * time.Hour
)

// checkUsers reports what --users cannot be combined with, before anything is started.
func checkUsers(loaded *config.Config) error {
	environment := loaded.Auth.Environment
	if _, taken := loaded.Auth.Providers.OAuth[devProvider][environment]; taken {
		return fmt.Errorf("auth.providers.%s.%s is configured, and --users brings a provider of its own in its place: leave one of them out", devProvider, environment)
	}
	return nil
}

// upstreamOf is the address of a Temporal Web UI that needs a password.
func upstreamOf(address, password string) config.Secret {
	return config.Secret(strings.Replace(address, "://", "://portico:"+password+"@", 1))
}

// openUsers starts the provider of --users and has people sign in there. The base URLs must be final.
func (d *dev) openUsers(ctx context.Context, stack *devstack.Stack, loaded *config.Config, log *slog.Logger) error {
	if !d.users {
		return nil
	}
	d.parts.tell("OpenID provider", "starting")
	port, err := stack.Ports().Port(ctx, "openid")
	if err != nil {
		return err
	}
	d.provider, err = openid.Open(ctx, openid.Options{DataDir: filepath.Join(d.dataDir, "openid"), Port: port, ImageSources: imageSources(loaded),
		Log: log, RedirectURI: loaded.Backend.BaseURL + "/api/auth/" + devProvider + "/handler/frame", LogoutURI: loaded.App.BaseURL})
	if err != nil {
		return err
	}
	d.useProvider(loaded)
	if err := d.useExample(ctx, loaded); err != nil {
		return errors.Join(err, d.provider.Close())
	}
	d.parts.tell("OpenID provider", "ready")
	return nil
}

// useProvider configures the provider, and nobody is a guest any more.
func (d *dev) useProvider(loaded *config.Config) {
	providers := &loaded.Auth.Providers
	providers.Guest = nil
	if providers.OAuth == nil {
		providers.OAuth = map[string]map[string]config.OAuthProvider{}
	}
	if providers.OAuth[devProvider] == nil {
		providers.OAuth[devProvider] = map[string]config.OAuthProvider{}
	}
	providers.OAuth[devProvider][loaded.Auth.Environment] = config.OAuthProvider{
		ClientID: openid.ClientID, ClientSecret: config.Secret(d.provider.ClientSecret()), MetadataURL: d.provider.Issuer(), SessionDuration: devSession,
		SignIn: config.SignIn{Resolvers: []config.SignInResolver{
			{Resolver: "preferredUsernameMatchingUserEntityName"}, {Resolver: "emailMatchingUserEntityProfileEmail"},
		}},
	}
}

// useExample adds what the configuration lacks: the roles of the example company, and its catalog.
func (d *dev) useExample(ctx context.Context, loaded *config.Config) error {
	loaded.Permission.Enabled = true
	if loaded.Permission.RBAC != nil && len(loaded.Catalog.Locations) > 0 {
		return nil
	}
	directory := filepath.Join(d.dataDir, "example")
	if err := writeMissing(directory, examples.Files); err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	if loaded.Permission.RBAC == nil {
		policies := filepath.Join(directory, "policy")
		example, err := config.Load(ctx, config.Options{Files: []string{filepath.Join(policies, "app-config.yaml")}, Environ: []string{}})
		if err != nil {
			return fmt.Errorf("%w; delete %s to get the example again", err, directory)
		}
		loaded.Permission = example.Permission
		loaded.Permission.RBAC.PoliciesFile = filepath.Join(policies, "policy.csv")
		loaded.Permission.RBAC.ConditionsFile = filepath.Join(policies, "conditional-policies.yaml")
		d.roles = policies
	}
	if len(loaded.Catalog.Locations) == 0 {
		kinds := []config.AllowedKind{}
		for _, kind := range []string{"Location", "User", "Group", "Domain", "System", "Component", "API", "Resource"} {
			kinds = append(kinds, config.AllowedKind{Kind: kind})
		}
		loaded.Catalog.Locations = []config.CatalogLocation{{Type: "file", Target: filepath.Join(directory, "catalog", "all.yaml"),
			Rules: []config.CatalogLocationRule{{Allow: kinds}}}}
	}
	return nil
}

// writeMissing writes those files that are not there. The others stay: somebody may have changed them.
func writeMissing(directory string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(directory, filepath.FromSlash(path))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return errors.Join(err, file.Close())
	})
}

const (
	// peopleTimeout bounds the wait for the first people of the catalog, and peopleSettled is how long they
	// must stay the same.
	peopleTimeout = 15 * time.Second
	peopleSettled = time.Second
)

// shownPeople bounds the people of whom the terminal tells.
const shownPeople = 5

// tellUsers prints whom of these people to try: of those who may do the same, one.
func (d *dev) tellUsers(p *platform, people []openid.Person) {
	fmt.Fprintf(d.out, "Sign in at %s with single sign-on, as one of these people. There are no passwords: this is for trying only.\n\n", p.config.App.BaseURL)
	if len(people) == 0 {
		fmt.Fprintln(d.out, "  There is nobody in the catalog yet: users are entities of the kind User.")
	}
	hasRole := false
	for _, person := range exemplary(people, shownPeople) {
		hasRole = hasRole || len(person.Roles) > 0
		fmt.Fprintf(d.out, "  %s\n%s", person.Name, told(person))
	}
	if !hasRole && len(people) > 0 {
		fmt.Fprintln(d.out, "  None of them has a role.")
	}
	fmt.Fprintln(d.out)
	if d.roles != "" {
		fmt.Fprintf(d.out, "Their roles are in %s; a change counts at once.\n\n", d.roles)
	}
}
