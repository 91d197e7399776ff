package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/atlassian"
	"github.com/portico-dev/portico/identity/provider/github"
	"github.com/portico-dev/portico/identity/provider/guest"
	"github.com/portico-dev/portico/identity/provider/oidc"
	"github.com/portico-dev/portico/identity/provider/proxy"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/seal"
)

// guestProvider is the id of the guest.
const guestProvider = "guest"

// signIn converts the configuration of sign-in. It makes no request: a provider that does not answer stops no
// server.
func (p *platform) signIn(issuer *identity.Issuer, seals *seal.Keyring, refusals *audit.Attempts, development bool) (*signin.Service, error) {
	options := signin.Options{Pool: p.pool, Seals: seals, Issuer: issuer, Directory: directory{p}, Log: p.log, Refusals: refusals, ReturnTo: p.config.App.BaseURL,
		Known: append(slices.Collect(maps.Keys(oauthProviders)), guestProvider, proxy.GCPIAP, proxy.CFAccess, proxy.AWSALB, oidc.OAuth2Proxy), Direct: map[string]provider.Direct{}}
	configured := p.config.Auth.Providers
	if guest := p.guest(configured.Guest, development); guest != nil {
		options.Direct[guestProvider] = guest
	}
	var err error
	if options.Proxies, err = p.proxies(configured); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(configured.OAuth)) {
		if oauthProviders[id] == nil {
			p.log.Warn("nobody can sign in with this provider: Portico does not have it", "provider", id, "setting", "auth.providers."+id)
			continue
		}
		for _, environment := range slices.Sorted(maps.Keys(configured.OAuth[id])) {
			client, err := p.oauthClient(id, environment, configured.OAuth[id][environment])
			if err != nil {
				return nil, fmt.Errorf("auth.providers.%s.%s: %w", id, environment, err)
			}
			options.Clients = append(options.Clients, client)
		}
	}
	return signin.New(options), nil
}

// connector makes a client of a provider from its configuration, and returns the provider's host.
type connector func(id string, configured config.OAuthProvider, callbackURL string) (client provider.OAuth, host string, err error)

// oauthProviders are the providers to which browsers are sent, by their ids.
var oauthProviders = func() map[string]connector {
	all := map[string]connector{github.ID: connectGitHub}
	for _, id := range oidc.IDs() {
		all[id] = connectOIDC
	}
	for _, id := range atlassian.IDs() {
		all[id] = connectAtlassian
	}
	return all
}()

func connectOIDC(id string, configured config.OAuthProvider, callbackURL string) (provider.OAuth, string, error) {
	options, err := oidc.Configure(id, configured, callbackURL)
	if err != nil {
		return nil, "", err
	}
	at, err := url.Parse(options.Issuer)
	if err != nil {
		return nil, "", fmt.Errorf("the issuer: %w", err)
	}
	return oidc.New(options), at.Hostname(), nil
}

func connectGitHub(_ string, configured config.OAuthProvider, callbackURL string) (provider.OAuth, string, error) {
	options, err := github.Configure(configured, callbackURL)
	if err != nil {
		return nil, "", err
	}
	return github.New(options), options.APIBaseURL.Hostname(), nil
}

func connectAtlassian(id string, configured config.OAuthProvider, callbackURL string) (provider.OAuth, string, error) {
	options, err := atlassian.Configure(id, configured, callbackURL)
	if err != nil {
		return nil, "", err
	}
	return atlassian.New(options), "", nil // no annotation of a resolver begins with the host
}

func (p *platform) oauthClient(id, environment string, configured config.OAuthProvider) (signin.Client, error) {
	oauth, host, err := oauthProviders[id](id, configured, p.config.Backend.BaseURL+"/api/auth/"+id+"/handler/frame")
	if err != nil {
		return signin.Client{}, err
	}
	chain, err := p.resolvers(id, host, configured.SignIn, id, environment)
	if err != nil {
		return signin.Client{}, err
	}
	return signin.Client{Provider: id, Environment: environment, OAuth: oauth, Resolvers: chain, SessionDuration: configured.SessionDuration}, nil
}

// resolvers find the users of the catalog that the people of a provider are. host is the provider's, and path are
// the keys of its configuration.
func (p *platform) resolvers(id, host string, configured config.SignIn, path ...string) (*resolver.Chain, error) {
	var entries []resolver.Entry
	for _, entry := range configured.Resolvers {
		entries = append(entries, resolver.Entry{Name: entry.Resolver, AllowedDomains: entry.AllowedDomains,
			WithoutUser: entry.DangerouslyAllowSignInWithoutUserInCatalog, Expression: entry.Expression})
	}
	chain, err := resolver.New(resolver.Options{Provider: id, Host: host, Entries: entries, Users: cmp.Or[resolver.Users](p.users, directory{p})})
	if wrong, is := errors.AsType[*resolver.EntryError](err); is {
		path = slices.Concat([]string{"auth", "providers"}, path, []string{"signIn", "resolvers", strconv.Itoa(wrong.Entry)})
		return nil, fmt.Errorf("%w (%s)", err, p.config.Place(path...))
	}
	return chain, err
}

// proxies are the configured proxies in front of Portico.
func (p *platform) proxies(configured config.AuthProviders) (map[string]signin.Proxy, error) {
	found := map[string]signin.Proxy{}
	var wrong error
	add := func(id string, of config.SignIn, made provider.Proxy, err error) {
		chain, unknown := p.resolvers(id, "", of, id)
		if err = cmp.Or(err, unknown); err != nil {
			wrong = cmp.Or(wrong, fmt.Errorf("auth.providers.%s: %w", id, err))
		}
		found[id] = signin.Proxy{Provider: made, Resolvers: chain}
	}
	if iap := configured.GCPIAP; iap != nil {
		options, err := proxy.IAP(*iap)
		options.Log = p.log
		add(proxy.GCPIAP, iap.SignIn, proxy.New(options), err)
	}
	if access := configured.CFAccess; access != nil {
		options, err := proxy.Cloudflare(*access)
		options.Log = p.log
		add(proxy.CFAccess, access.SignIn, proxy.New(options), err)
	}
	if balancer := configured.AWSALB; balancer != nil {
		options, err := proxy.ConfigureALB(*balancer)
		add(proxy.AWSALB, balancer.SignIn, proxy.NewALB(options), err)
	}
	if forwarding := configured.OAuth2Proxy; forwarding != nil {
		options, header, err := oidc.ConfigureOAuth2Proxy(*forwarding)
		options.Log = p.log
		add(oidc.OAuth2Proxy, forwarding.SignIn, oidc.NewForwarded(options, header), err)
	}
	return found, wrong
}

// guest is nil when it is not configured. A development stack has a guest without configuration.
func (p *platform) guest(configured *config.Guest, development bool) provider.Direct {
	if configured == nil {
		if !development {
			return nil
		}
		configured = &config.Guest{UserEntityRef: "user:default/guest"}
	}
	allowed := development || configured.DangerouslyAllowOutsideDevelopment
	if allowed {
		p.log.Warn("anybody who reaches this server can sign in as the guest", "user", configured.UserEntityRef)
	} else {
		p.log.Warn("guests may not sign in outside development: set auth.providers.guest.dangerouslyAllowOutsideDevelopment to let them")
	}
	return guest.Provider{UserRef: configured.UserEntityRef, Ownership: configured.OwnershipEntityRefs, Allowed: allowed}
}

// waysIn lists what the portal's sign-in page offers.
func (p *platform) waysIn(signIn *signin.Service) api.SignIn {
	environment := p.config.Auth.Environment
	return api.SignIn{Environment: environment, Redirect: p.config.EnableExperimentalRedirectFlow, Providers: signIn.Configured(environment)}
}

// checkProviders says which sign-in providers do not answer. They are asked again when somebody signs in.
func checkProviders(signIn *signin.Service, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, client := range signIn.Clients {
			checkProvider(ctx, client.OAuth, log.With("provider", client.Provider, "env", client.Environment))
		}
		for _, id := range slices.Sorted(maps.Keys(signIn.Proxies)) {
			checkProvider(ctx, signIn.Proxies[id].Provider, log.With("provider", id))
		}
		<-ctx.Done()
		return nil
	}
}

func checkProvider(ctx context.Context, configured any, log *slog.Logger) {
	issuer, can := configured.(interface {
		Check(ctx context.Context) error
	})
	if !can {
		return
	}
	if err := issuer.Check(ctx); err != nil {
		log.WarnContext(ctx, "people cannot sign in with a provider now: it is asked again when somebody tries", "reason", err, "cause", errors.Unwrap(err))
	}
}

// directory reads users and their groups from the catalog.
type directory struct{ *platform }

func (d directory) MemberOf(ctx context.Context, userRef string) ([]string, error) {
	ref, err := entity.ParseRef(userRef, entity.Ref{Kind: "user", Namespace: "default"})
	if err != nil {
		return nil, err
	}
	return d.catalog.GroupsOf(ctx, identity.System("sign-in"), ref)
}

// FindUsers implements resolver.Users.
func (d directory) FindUsers(ctx context.Context, values map[string]string) ([]string, error) {
	filter := query.All{query.Match{Key: "kind", Values: []string{"user"}}}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		filter = append(filter, query.Match{Key: strings.ToLower(path), Values: []string{strings.ToLower(values[path])}})
	}
	two := 2
	found, err := d.catalog.Entities(ctx, identity.System("sign-in"), catalog.ListQuery{Filter: filter, Paged: true, Limit: &two})
	if err != nil {
		return nil, err
	}
	refs := []string{}
	err = found.Each(ctx, func(document json.RawMessage) error {
		var user entity.Entity
		if err := json.Unmarshal(document, &user); err != nil {
			return fmt.Errorf("decode a user of the catalog: %w", err)
		}
		refs = append(refs, user.Ref().String())
		return nil
	})
	return refs, err
}
