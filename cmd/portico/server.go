package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/trail"
	"github.com/portico-dev/portico/bookmarks"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/exchange"
	"github.com/portico-dev/portico/identity/sessions"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/integration/argocd/applications"
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/integration/project"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/web"
)

// dryRunInterval is the interval for deleting directories of dry runs whose process was killed.
const dryRunInterval = 10 * time.Minute

func serverCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "server",
		Short: "Serve the API and the portal",
		Long: `Serves Backstage's HTTP API, Portico's own, and the portal, on the Postgres of portico.database.url and the
Temporal of portico.temporal.address. Templates run in workers: start at least one with ` + "`portico worker`" + `.`,
		Example: `  portico server --config app-config.yaml
  portico server --config app-config.yaml --config app-config.production.yaml --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return s.withPlatform(command, func(ctx context.Context, p *platform) error {
				listener, err := listen(ctx, p.config.Backend.Listen, "backend.listen")
				if err != nil {
					return err
				}
				return p.serve(ctx, listener, serverOptions{temporalUI: strings.TrimRight(p.config.Portico.Temporal.UIURL, "/")})
			})
		},
	}
	s.addFlags(command)
	return command
}

// withPlatform loads the configuration, opens the connections, and closes them when do returns.
func (s *settings) withPlatform(command *cobra.Command, do func(context.Context, *platform) error) error {
	ctx := command.Context()
	loaded, log, err := s.load(ctx)
	if err != nil {
		return err
	}
	target, err := temporalTarget(loaded.Portico.Temporal)
	if err != nil {
		return err
	}
	if loaded.Portico.Database.URL == "" || target.Address == "" {
		return errors.New(databaseURL + " and portico.temporal.address must be configured" + devHint)
	}
	keys, err := configuredKeys(loaded.Portico.Encryption.Keys)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errNoKeys
	}
	p, err := connect(ctx, loaded, place{command: command.Name(), databaseURL: string(loaded.Portico.Database.URL), directURL: string(loaded.Portico.Database.DirectURL),
		temporal: target, keys: keys, dataDir: dataDirectory()}, log)
	if err != nil {
		return err
	}
	defer p.close()
	defer context.AfterFunc(ctx, func() { log.Info("stopping: press Ctrl-C again to stop at once") })()
	return p.withServices(ctx, func(ctx context.Context) error { return do(ctx, p) })
}

// listen opens the port of a setting.
func listen(ctx context.Context, at config.Listen, setting string) (net.Listener, error) {
	address := net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%s): %w", address, setting, err)
	}
	return listener, nil
}

// serverOptions are the settings that only `portico dev` has.
type serverOptions struct {
	temporalUI  string
	workflowURL func(id string) string
	allowGuest  bool
}

// serve serves requests until the context ends, and then waits for running ones.
func (p *platform) serve(ctx context.Context, listener net.Listener, options serverOptions) error {
	if p.roles != nil {
		if err := p.roles.SyncFiles(ctx); err != nil {
			return err
		}
	}
	events := db.NewListener(p.direct, run.Channel, p.log)
	handler, signIn, err := p.handler(events, options)
	if err != nil {
		return err
	}
	p.log.Info("serving", "url", p.config.Backend.BaseURL, "address", listener.Addr().String())
	var group runGroup
	group.add(events.Run)
	if p.roles != nil {
		group.add(p.roles.WatchFiles)
	}
	group.add(checkProviders(signIn, p.log))
	group.add(p.every(dryRunInterval, "remove the directories of dry runs that were killed", func(context.Context) error { return dryrun.RemoveAbandoned() }))
	group.add(func(ctx context.Context) error {
		return serveHTTP(ctx, listener, handler, p.config.Portico.Server)
	})
	return group.run(ctx)
}

// drainable is a handler that can prepare for the server's stop.
type drainable interface {
	http.Handler
	// Drain announces the stop while requests are still accepted. Dismiss ends waiting requests when no more
	// are accepted.
	Drain()
	Dismiss()
}

// errStopped is the cause by which requests end that outlast ShutdownGracePeriod. It tells them from requests
// whose clients have left.
var errStopped = errors.New("the server has stopped")

// maxHeader bounds the header of a request with its URL, which may contain a long filter and the token of a
// user with many groups.
const maxHeader = 64 << 10

// serveHTTP serves until the context ends. Then it announces the stop for DrainPeriod, so that load balancers
// notice before the listener closes, and waits for running requests up to ShutdownGracePeriod.
func serveHTTP(ctx context.Context, listener net.Listener, handler drainable, stopping config.Server) error {
	requests, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(errStopped)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader,
		BaseContext:    func(net.Listener) context.Context { return requests }}
	var group runGroup
	group.add(func(ctx context.Context) error {
		<-ctx.Done()
		handler.Drain()
		<-time.After(stopping.DrainPeriod)
		handler.Dismiss()
		finishing, cancel := context.WithTimeout(requests, stopping.ShutdownGracePeriod)
		defer cancel()
		return server.Shutdown(finishing)
	})
	group.add(func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	return group.run(ctx)
}

func (p *platform) handler(events *db.Listener, options serverOptions) (*api.Server, *signin.Service, error) {
	issuer := p.newIssuer()
	machines, err := externalAccess(p.config.Backend.Auth, p.log)
	if err != nil {
		return nil, nil, err
	}
	authenticator := identity.NewAuthenticator(issuer, machines).WithPlugins(pluginKeys(p.config.Discovery, p.log))
	signIn, err := p.signIn(issuer, p.seals, p.refusals, options.allowGuest)
	if err != nil {
		return nil, nil, err
	}
	var exchanged *exchange.Service
	if len(p.config.Portico.TokenExchange.Issuers) > 0 {
		if exchanged, err = p.tokenExchange(issuer); err != nil {
			return nil, nil, err
		}
	}
	temporalUI, workflowURL := p.temporalPages(options), options.workflowURL
	if workflowURL == nil && temporalUI != "" {
		workflowURL = func(id string) string {
			return fmt.Sprintf("%s/namespaces/%s/workflows/%s", temporalUI, p.target.Namespace, id)
		}
	}
	temporal, err := p.temporalPlugins()
	if err != nil {
		return nil, nil, err
	}
	choices := picker.New(picker.Options{Hosts: p.integrations, Decider: p.decider})
	pushed, err := p.searchSources()
	if err != nil {
		return nil, nil, err
	}
	found, err := p.search(pushed)
	if err != nil {
		return nil, nil, err
	}
	server, err := api.NewServer(api.Options{
		Log: p.log, Telemetry: p.telemetry, Version: version, Portal: web.Handler(web.Sources{Images: imageSources(p.config), Scripts: fieldModules(p.config), Frames: p.config.TechDocs.Sanitizer.AllowedIframeHosts}), Database: api.Database{Ping: p.pool.Ping, Unreachable: db.Unreachable},
		Problems:      p.problems,
		Refusals:      p.refusals,
		Keys:          idempotency.New(p.pool, idempotency.Options{}),
		Authenticator: authenticator, Limited: authenticator.AuthenticateLimited, CORS: crossOrigin(p.config.Backend.CORS),
		BaseURLs: []string{p.config.Backend.BaseURL, p.config.App.BaseURL}, Hosts: p.config.Portico.Server.AllowedHosts,
		Proxies: trustedProxies(p.config.Backend), Limits: api.Limits(p.config.Portico.Server.RequestsPerMinute),
		RateLimits:           rateLimits(p.config.Backend.RateLimit),
		WrongTokensPerMinute: p.config.Portico.Server.WrongTokensPerMinute, StreamsPerCaller: p.config.Portico.Server.StreamsPerCaller,
		Plugins: append(append(p.permissionPlugins(), temporal...),
			api.NewAuthPlugin(api.AuthOptions{Issuer: issuer, SignIn: signIn, BaseURL: p.config.Backend.BaseURL, PortalURL: p.config.App.BaseURL,
				Exchange: exchanged, ExtraOrigins: p.config.Auth.ExperimentalExtraAllowedOrigins}),
			api.NewCatalogPlugin(p.catalog),
			api.NewCatalogExplanationPlugin(p.catalog),
			api.NewEventsPlugin(p.events),
			api.NewScaffolderPlugin(p.scaffolder, events),
			api.NewPorticoPlugin(p.info(signIn, temporalUI), p.scaffolder, workflowURL),
			api.NewCallbacksPlugin(p.callbacks),
			api.NewBookmarksPlugin(bookmarks.New(p.pool)),
			api.NewSearchPlugin(found),
			api.NewSearchEverythingPlugin(found),
			api.NewSearchSourcesPlugin(pushed),
			api.NewSessionsPlugin(sessions.New(signIn, p.decider)),
			api.NewSourcesPlugin(p.sourcesService()),
			api.NewAuditPlugin(trail.New(p.pool, p.decider)),
			api.NewProxyPlugin(p.proxy),
			p.docsPlugin(p.docsService),
			api.NewDocsBuildsPlugin(p.docsService, workflowURL),
			api.NewHostsPlugin(choices),
			api.NewAutocompletePlugin(choices),
			api.NewKubernetesPlugin(workloads.New(workloads.Options{Clusters: p.clusters, Entities: subject.Finder{Catalog: p.catalog, Decider: p.decider},
				Locate: p.config.Kubernetes.ServiceLocatorMethod.Type})),
			api.NewProjectPlugin(project.New(project.Options{Hosts: p.integrations, Entities: subject.Finder{Catalog: p.catalog, Decider: p.decider},
				Record: func(ctx context.Context, actor audit.Actor, resource string, changes ...audit.Change) error {
					return audit.Record(ctx, p.pool, actor, audit.BuildRerun, resource, changes...)
				}})),
			api.NewVaultPlugin(p.secretPaths()),
			api.NewArgoCDPlugin(applications.New(applications.Options{Instances: p.argocd, Entities: subject.Finder{Catalog: p.catalog, Decider: p.decider}, Hosts: p.integrations})),
			api.NewArgoCDMetadataPlugin(),
		),
	})
	return server, signIn, err
}

// githubPictures are GitHub's hosts for avatars and for pictures in texts.
const githubPictures = "https://*.githubusercontent.com"

// fieldModules are the modules of custom fields, which the portal's pages may load, as sources of a content security
// policy. Those have no query, and a semicolon or a comma would end them.
func fieldModules(loaded *config.Config) []string {
	var modules []string
	for _, field := range loaded.Portico.Form.Fields {
		if parsed, err := url.Parse(field.Module); err == nil {
			path := strings.NewReplacer(";", "%3B", ",", "%2C").Replace(parsed.EscapedPath())
			modules = append(modules, parsed.Scheme+"://"+parsed.Host+path)
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// imageSources are the sources from which the portal's pages may load pictures.
func imageSources(loaded *config.Config) []string {
	if configured := loaded.Backend.CSP.ImageSources; configured != nil {
		return configured
	}
	sources := []string{"'self'", "data:"}
	for _, entry := range loaded.Integrations.GitHub {
		for _, address := range []string{entry.APIBaseURL, entry.RawBaseURL} {
			if parsed, err := url.Parse(address); err == nil && parsed.Host != "" {
				sources = append(sources, parsed.Scheme+"://"+parsed.Host)
			}
		}
		if entry.Host == "github.com" {
			sources = append(sources, "https://github.com", githubPictures)
		}
	}
	configured := loaded.Integrations
	page := func(host string) string { return "https://" + host }
	for _, hosts := range [][]string{
		each(configured.Azure, func(entry config.Azure) string { return page(entry.Host) }),
		each(configured.BitbucketCloud, func(entry config.BitbucketCloud) string { return page(entry.Host) }),
		each(configured.BitbucketServer, func(entry config.BitbucketServer) string { return page(entry.Host) }),
		each(configured.Gerrit, func(entry config.Gerrit) string { return page(entry.Host) }),
		each(configured.Gitea, func(entry config.Gitea) string { return page(entry.Host) }),
		each(configured.GitLab, func(entry config.GitLab) string { return page(entry.Host) }),
	} {
		sources = append(sources, hosts...)
	}
	slices.Sort(sources[2:])
	return slices.Compact(sources)
}
