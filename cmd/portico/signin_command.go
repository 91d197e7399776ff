package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/internal/terminal"
)

func signInCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "sign-in", Short: "Try out who somebody would be", Args: cobra.NoArgs,
		Example: "  portico sign-in test oidc ada.json --config app-config.yaml",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(signInTestCommand())
	return command
}

func signInTestCommand() *cobra.Command {
	var c connection
	var configs []string
	var environment string
	command := &cobra.Command{
		Use:   "test PROVIDER FILE",
		Short: "Try the resolvers of a provider on a person",
		Long: `Asks the resolvers of a provider in configuration files, in their order, which User of a running server's catalog a person
is. It prints what each looked for, and ends with status 1 if nobody is found. Nobody is signed in. The file has the person
in JSON: subject, userId, username, email and displayName, and under claims what else the provider says.`,
		Example: `  portico sign-in test oidc ada.json --config app-config.yaml --env production
  echo '{"email": "ada@example.com", "claims": {"groups": ["staff"]}}' | portico sign-in test gcpIap - --config app-config.yaml`,
		Args: cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			person, err := readPerson(command.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			loaded, err := config.Load(command.Context(), config.Options{Files: configs})
			if err != nil {
				return err
			}
			chain, err := resolversOf(loaded, args[0], environment, serverUsers{client})
			if err != nil {
				return err
			}
			tried, err := tryResolvers(command.Context(), chain, person)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			err = c.output.print(out, tried, func() { fmt.Fprint(out, tried.text()) })
			if err == nil && tried.User == "" {
				return &exitError{1}
			}
			return err
		},
	}
	c.addFlags(command)
	command.Flags().StringArrayVar(&configs, "config", nil, "a configuration file; later files override earlier ones")
	command.Flags().StringVar(&environment, "env", "", "the environment of the provider's configuration (auth.environment)")
	return command
}

// maxPerson is the size of a file with a person, in bytes.
const maxPerson = 1 << 20

// readPerson reads a person from a file, or from the input for "-".
func readPerson(input io.Reader, name string) (provider.Person, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return provider.Person{}, err
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	var read struct {
		Subject     string         `json:"subject"`
		UserID      string         `json:"userId"`
		Username    string         `json:"username"`
		Email       string         `json:"email"`
		DisplayName string         `json:"displayName"`
		Claims      map[string]any `json:"claims"`
	}
	decoder := json.NewDecoder(io.LimitReader(input, maxPerson))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return provider.Person{}, fmt.Errorf("read the person in %s: %w", name, err)
	}
	return provider.Person{Subject: read.Subject, UserID: read.UserID, Username: read.Username, Claims: read.Claims,
		Profile: provider.Profile{Email: read.Email, DisplayName: read.DisplayName}}, nil
}

// resolversOf are the resolvers of a configured provider, which look for users in another catalog than a server's
// own.
func resolversOf(loaded *config.Config, id, environment string, users resolver.Users) (*resolver.Chain, error) {
	p := &platform{config: loaded, log: slog.New(slog.DiscardHandler), users: users}
	service, err := p.signIn(nil, nil, nil, false)
	if err != nil {
		return nil, err
	}
	if proxy, is := service.Proxies[id]; is {
		return proxy.Resolvers, nil
	}
	environment = cmp.Or(environment, loaded.Auth.Environment)
	for _, client := range service.Clients {
		if client.Provider == id && client.Environment == environment {
			return client.Resolvers, nil
		}
	}
	return nil, fmt.Errorf("the configuration has no auth.providers.%s.%s: --env names another environment, and --config a file", id, environment)
}

// triedSignIn is what the resolvers made of a person.
type triedSignIn struct {
	// User is "" for nobody.
	User      string          `json:"user,omitempty"`
	Resolver  string          `json:"resolver,omitempty"`
	InCatalog bool            `json:"inCatalog"`
	Tried     []triedResolver `json:"tried"`
}

// triedResolver is a resolver that found nobody.
type triedResolver struct {
	Resolver string `json:"resolver"`
	Wanted   string `json:"wanted,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// tryResolvers fails only if the users could not be searched.
func tryResolvers(ctx context.Context, chain *resolver.Chain, person provider.Person) (triedSignIn, error) {
	found, attempts, err := chain.Resolve(ctx, person)
	if kind := fault.KindOf(err); err != nil && kind != fault.NotFound && kind != fault.Conflict {
		return triedSignIn{}, err
	}
	tried := triedSignIn{User: found.UserRef, Resolver: found.Resolver, InCatalog: found.InCatalog, Tried: []triedResolver{}}
	for _, attempt := range attempts {
		tried.Tried = append(tried.Tried, triedResolver(attempt))
	}
	return tried, nil
}

func (t triedSignIn) text() string {
	var out strings.Builder
	for _, attempt := range t.Tried {
		found := attempt.Reason
		if attempt.Wanted != "" {
			found = "no User with " + attempt.Wanted
		}
		fmt.Fprintf(&out, "%s: %s\n", attempt.Resolver, terminal.Line(found))
	}
	switch {
	case t.User == "":
		out.WriteString("Nobody is found: the person could not sign in.\n")
	case t.InCatalog:
		fmt.Fprintf(&out, "%s: %s\n", t.Resolver, terminal.Line(t.User))
	default:
		fmt.Fprintf(&out, "%s: %s, who is not in the catalog\n", t.Resolver, terminal.Line(t.User))
	}
	return out.String()
}

// serverUsers are the users in the catalog of a running server.
type serverUsers struct{ client *apiClient }

// FindUsers implements resolver.Users.
func (s serverUsers) FindUsers(ctx context.Context, values map[string]string) ([]string, error) {
	all := []map[string]string{{"kind": "user"}}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		all = append(all, map[string]string{path: values[path]})
	}
	asked := map[string]any{"limit": 2, "totalItems": "exclude", "query": map[string]any{"$all": all}}
	var page struct {
		Items []entity.Entity `json:"items"`
	}
	if err := s.client.call(ctx, http.MethodPost, "/api/catalog/entities/by-query", asked, &page); err != nil {
		if refused, is := errors.AsType[*apiError](err); is {
			return nil, fmt.Errorf("search the catalog: %w", refused)
		}
		return nil, err
	}
	refs := []string{}
	for _, user := range page.Items {
		refs = append(refs, user.Ref().String())
	}
	return refs, nil
}
