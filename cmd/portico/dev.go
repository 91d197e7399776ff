//go:build !slim

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/devstack"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/devstack/loopback"
	"github.com/portico-dev/portico/internal/devstack/openid"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/workflows"
	"github.com/portico-dev/portico/workflows/cluster"
)

// devStopTimeout bounds the stop of the stack after Portico has stopped.
const devStopTimeout = 30 * time.Second

// The default address of a Backstage backend.
const (
	backstagePort   = 7007
	unconfiguredURL = "http://localhost:7007"
)

// Texts of other commands that mention dev.
const (
	devExample = "  portico dev                                 bring everything up on this machine\n"
	devHint    = "; to try Portico out without either, run `portico dev`"
)

const (
	// demoOrganization owns the repositories of the demo on the local forge.
	demoOrganization = "demo"
)

func devCommands() []*cobra.Command {
	d := &dev{}
	command := &cobra.Command{
		Use:   "dev",
		Short: "Bring up everything on this machine: database, Temporal, Git forge, API, worker, portal",
		Long: `Brings up Postgres, the Temporal server and its Web UI, a local Git forge that speaks GitHub's API, and all of Portico,
on free loopback ports. What it keeps is in one directory; the ports are the same the next time. It is the same
code as production, with the outside brought along.

With --users it brings an OpenID provider too, at whose login page one chooses who to be, without passwords, and
turns permissions on. A configuration without permission.rbac gets the roles of the example company, and one
without catalog.locations its catalog.`,
		Example: `  portico dev
  portico dev --config app-config.yaml --data ~/portico
  portico dev --users                                           sign in as one of several people, with roles
  portico dev --with kubernetes,vault                           with a Kubernetes API server and a Vault, for templates that change them
  portico dev --config examples/app-config.yaml --demo          also run the golden path
  portico dev --config examples/app-config.yaml --demo --exit   and stop, with a status`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			d.out = command.OutOrStdout()
			return d.run(command.Context())
		},
	}
	d.addFlags(command)
	flags := command.Flags()
	// A person reads the terminal, so only warnings and errors are logged.
	_ = flags.Set("log-level", "warn")
	flags.StringVar(&d.dataDir, "data", "", "the directory that keeps everything (default ~/.local/share/portico, or $XDG_DATA_HOME)")
	flags.StringVar(&d.database, "database", "", "use this Postgres (a postgres:// URL) and do not bring one")
	flags.Uint16Var(&d.port, "port", 0, "serve on this port (default: the configured one, else 7007 or, when that is taken, any free one)")
	flags.BoolVar(&d.users, "users", false, "have people sign in, and decide by their roles what they may do")
	flags.StringSliceVar(&d.with, "with", nil, "also start these, unless the configuration has them: kubernetes, vault; and stand-ins for argocd, pagerduty, slack")
	flags.BoolVar(&d.demo, "demo", false, "run the golden-path template when everything is up")
	flags.StringVar(&d.demoTemplate, "demo-template", "golden-path", "with --demo: the name of the template: golden-path or onboarding")
	flags.BoolVar(&d.exit, "exit", false, "with --demo: stop when the run has ended, with status 0 when it completed")
	return []*cobra.Command{command}
}

// dev is `portico dev`.
type dev struct {
	settings
	dataDir, database string
	port              uint16
	users, demo, exit bool
	demoTemplate      string
	// with are the further parts to start.
	with    []string
	started time.Time
	out     io.Writer
	parts   *partList
	// provider is where people sign in with --users, nil without. roles is the directory with the roles of the
	// example company, "" if others count.
	provider *openid.Provider
	roles    string
}

// namesCluster says that the configuration leads to a Temporal cluster, or says how to reach one.
func namesCluster(t config.Temporal) bool {
	secured := t.TLS
	if secured.Mode != "required" {
		secured.Mode = ""
	}
	return t.Address+t.UIURL+string(t.UIUpstream)+t.Profile+t.ConfigFile+string(t.APIKey)+t.APIKeyFile != "" || secured != config.TemporalTLS{}
}

func (d *dev) run(ctx context.Context) error {
	if d.exit && !d.demo {
		return errors.New("--exit says when the demo is over: give --demo too")
	}
	defer context.AfterFunc(ctx, func() { fmt.Fprintln(d.out, "Stopping; press Ctrl-C again to stop at once.") })()
	if err := d.checkWith(); err != nil {
		return err
	}
	d.started = time.Now()
	d.parts = newPartList(d.out)
	loaded, log, err := d.load(ctx)
	if err != nil {
		return err
	}
	if namesCluster(loaded.Portico.Temporal) {
		return errors.New("portico.temporal names a Temporal that is there already (address, uiUrl, uiUpstream, profile, configFile, an API key or tls), " +
			"and `portico dev` brings its own: leave them out, or run `portico server` and `portico worker`")
	}
	if d.users {
		if err := checkUsers(loaded); err != nil {
			return err
		}
	}
	if d.dataDir, err = absoluteDataDirectory(d.dataDir); err != nil {
		return err
	}
	cacheDir, err := os.UserCacheDir()
	if err != nil {
		cacheDir = filepath.Join(d.dataDir, "cache")
	}
	dsn, setting := string(loaded.Portico.Database.URL), databaseURL
	if d.database != "" {
		dsn, setting = d.database, "--database"
	}
	listener, err := d.listen(ctx, loaded)
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // the second close, after serving, has no effect
	}
	options := devstack.Options{DataDir: d.dataDir, CacheDir: filepath.Join(cacheDir, "portico"), DSN: dsn, Log: log,
		Namespace: loaded.Portico.Temporal.Namespace, SearchAttributes: workflows.SearchAttributes(),
		Progress: func(part string, state devstack.State) { d.parts.tell(part, string(state)) }}
	if d.users {
		options.TemporalUIPath, options.TemporalUIPassword = api.TemporalUIPath, rand.Text()
	}
	stack, err := devstack.Start(ctx, options)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // not the error of the part that was starting
	}
	if err != nil {
		return blame(setting, err)
	}
	defer d.stop(ctx, "the stack", log, stack.Stop)
	if d.users {
		loaded.Portico.Temporal.UIUpstream = upstreamOf(stack.TemporalUI().URL(), options.TemporalUIPassword)
	}
	return d.onStack(ctx, stack, listener, loaded, log)
}

func (d *dev) stop(ctx context.Context, what string, log *slog.Logger, stop func(context.Context) error) {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), devStopTimeout)
	defer cancel()
	if err := stop(stopping); err != nil {
		log.Warn("stop "+what, "error", err)
	}
}

// onStack starts the forge and Portico itself, on any free port when there is no listener yet.
func (d *dev) onStack(ctx context.Context, stack *devstack.Stack, listener net.Listener, loaded *config.Config, log *slog.Logger) error {
	gitForge, err := d.startForge(ctx, loaded, log)
	if err != nil {
		return err
	}
	defer d.stop(ctx, "the Git forge", log, gitForge.Stop)
	stopFurther, err := d.startFurther(ctx, loaded, log)
	defer stopFurther()
	if err != nil {
		return err
	}
	if listener == nil {
		if listener, err = d.listenElsewhere(ctx, stack, loaded.Backend.Listen.Host); err != nil {
			return err
		}
	}
	d.serveAt(listener, loaded)
	if err := d.openUsers(ctx, stack, loaded, log); err != nil {
		return err
	}
	if d.provider != nil {
		defer d.provider.Close() // the second close, after serving, has no effect
	}
	keys, err := d.keys(loaded.Portico.Encryption.Keys)
	if err != nil {
		return err
	}
	if err := migrate(ctx, stack.LocalDSN()); err != nil {
		return err
	}
	target := cluster.Plain(stack.TemporalAddress(), loaded.Portico.Temporal.Namespace)
	// The namespace of an older data directory may lack search attributes.
	if err := prepareCluster(ctx, target, loaded.Portico.Temporal.ConnectTimeout, log); err != nil {
		return err
	}
	p, err := connect(ctx, loaded, place{command: "dev", databaseURL: stack.LocalDSN(), temporal: target, keys: keys, dataDir: d.dataDir}, log)
	if err != nil {
		return err
	}
	defer p.close()
	return d.serve(ctx, p, stack, gitForge, listener)
}

// keys returns the configured encryption keys, or the one of the data directory.
func (d *dev) keys(configured []config.EncryptionKey) ([]seal.Key, error) {
	if len(configured) > 0 {
		return configuredKeys(configured)
	}
	key, err := keptKey(d.dataDir)
	return []seal.Key{key}, err
}

func (d *dev) startForge(ctx context.Context, loaded *config.Config, log *slog.Logger) (*forge.Forge, error) {
	d.parts.tell("Git forge", "starting")
	gitForge, err := forge.Start(ctx, forge.Options{DataDir: filepath.Join(d.dataDir, "forge"), Log: log})
	if err != nil {
		return nil, err
	}
	if err := gitForge.AddOrganization(demoOrganization, "Demo"); err != nil {
		return nil, errors.Join(err, gitForge.Stop(ctx))
	}
	// The forge is an additional GitHub host.
	loaded.Integrations.GitHub = append([]config.GitHub{{Host: gitForge.Host(), APIBaseURL: gitForge.APIBaseURL(),
		RawBaseURL: gitForge.URL(), Token: config.Secret(gitForge.Token())}}, loaded.Integrations.GitHub...)
	d.parts.tell("Git forge", "ready")
	return gitForge, nil
}

// listen opens the port of the command line or the configuration before anything is started, so that a taken
// port is reported at once. Without either, it opens Backstage's default port. It returns nil when that is
// taken: any free port is used then. It binds to loopback unless the configuration names another address.
func (d *dev) listen(ctx context.Context, loaded *config.Config) (net.Listener, error) {
	at, setting := loaded.Backend.Listen, "backend.listen"
	if at.Host == "" {
		at.Host = "127.0.0.1"
	}
	switch {
	case d.port != 0:
		at.Port, setting = int(d.port), "--port"
	case at.Port == backstagePort && loaded.Backend.BaseURL == unconfiguredURL && !loopback.IsFree(ctx, backstagePort):
		return nil, nil
	}
	return listen(ctx, at, setting)
}

// listenElsewhere opens a free port, the same as last time if possible.
func (d *dev) listenElsewhere(ctx context.Context, stack *devstack.Stack, host string) (net.Listener, error) {
	port, err := stack.Ports().Port(ctx, "portico")
	if err != nil {
		return nil, err
	}
	return listen(ctx, config.Listen{Host: cmp.Or(host, "127.0.0.1"), Port: port}, "backend.listen")
}

// serveAt sets the base URLs to a chosen port, unless the configuration has some.
func (d *dev) serveAt(listener net.Listener, loaded *config.Config) {
	if loaded.Backend.BaseURL == unconfiguredURL || d.port != 0 && isLoopback(loaded.Backend.BaseURL) {
		loaded.Backend.BaseURL = "http://" + listener.Addr().String()
		loaded.App.BaseURL = loaded.Backend.BaseURL
	}
}

func (d *dev) serve(ctx context.Context, p *platform, stack *devstack.Stack, gitForge *forge.Forge, listener net.Listener) error {
	d.parts.tell("Portico", "starting")
	p.config.Portico.Server.DrainPeriod = 0 // no load balancer distributes requests to development stacks
	demoEnded := &demoOutcome{}
	var group runGroup
	group.add(func(ctx context.Context) error {
		options := serverOptions{temporalUI: stack.TemporalUI().URL(), allowGuest: true, workflowURL: stack.TemporalUI().WorkflowURL}
		if d.users {
			options = serverOptions{}
		}
		return p.serve(ctx, listener, options)
	})
	group.add(p.work)
	if d.provider != nil {
		group.add(func(ctx context.Context) error { return d.provider.Serve(ctx, people{p}) })
	}
	group.add(func(ctx context.Context) error {
		select {
		case <-stack.Failed():
			return errors.New("a part of the development stack has stopped; its log is in " + d.dataDir)
		case <-ctx.Done():
			return nil
		}
	})
	group.add(func(ctx context.Context) error {
		return d.afterStart(ctx, p, stack, gitForge, "http://"+listener.Addr().String(), demoEnded)
	})
	if err := p.withServices(ctx, group.run); err != nil && ctx.Err() == nil {
		return err
	}
	return demoEnded.err
}

// demoOutcome is the result of the demo's run.
type demoOutcome struct{ err error }

// afterStart prints the addresses and, for the demo, runs the golden path. It returns when the process should
// stop. The address is where this process listens: another server may answer at the configured one.
func (d *dev) afterStart(
	ctx context.Context, p *platform, stack *devstack.Stack, gitForge *forge.Forge, address string, outcome *demoOutcome,
) error {
	if err := newClient(address, "").waitReady(ctx); err != nil {
		return err
	}
	d.parts.tell("Portico", "ready")
	fmt.Fprintf(d.out, "\nPortico is up after %s.\n\n  Portal           %s\n  Temporal Web UI  %s\n  Git forge        %s\n  Data             %s\n\n",
		brief(time.Since(d.started)), p.config.App.BaseURL, p.temporalPages(serverOptions{temporalUI: stack.TemporalUI().URL()}), gitForge.URL(), d.dataDir)
	var known []openid.Person
	if d.users {
		var err error
		if known, err = waitForPeople(ctx, p); err != nil {
			return err
		}
		d.tellUsers(p, known)
	}
	if d.demo {
		outcome.err = d.demonstrate(ctx, p, known, gitForge)
		if outcome.err != nil && ctx.Err() == nil {
			fmt.Fprintln(terminal.NewWriter(os.Stderr), "portico:", outcome.err)
		}
		if d.exit {
			return nil
		}
	}
	fmt.Fprintln(d.out, "Press Ctrl-C to stop; everything is kept and comes up again the next time.")
	<-ctx.Done()
	return nil
}

// demonstrate runs the demo as the guest or, with --users, as one of the known people who may.
func (d *dev) demonstrate(ctx context.Context, p *platform, known []openid.Person, gitForge *forge.Forge) error {
	token := ""
	if d.users {
		var err error
		if token, err = d.signInForDemo(ctx, p, known); err != nil {
			return err
		}
	}
	return d.runDemo(ctx, newClient(p.config.Backend.BaseURL, token), gitForge)
}

// runDemo starts the template through the public API and prints every step as it happens.
func (d *dev) runDemo(ctx context.Context, c *apiClient, gitForge *forge.Forge) error {
	name := "shipping-" + strings.ToLower(time.Now().Format("0102-150405"))
	values := map[string]any{
		"name": name, "description": "Tells customers where their parcel is", "owner": "group:default/tracking",
		"repoUrl": fmt.Sprintf("%s?owner=%s&repo=%s", gitForge.Host(), demoOrganization, name),
	}
	if d.demoTemplate == "onboarding" {
		values["system"] = "system:default/tracking"
	}
	fmt.Fprintf(d.out, "Running %s: %s\n\n", d.demoTemplate, name)
	ref := "template:default/" + d.demoTemplate
	if err := c.waitForEntity(ctx, ref); err != nil {
		return err
	}
	began := time.Now()
	id, err := c.start(ctx, ref, given{values: values})
	if err != nil {
		return err
	}
	err = c.watch(ctx, d.out, formatText, id, 0, began, phaseDone)
	if ctx.Err() != nil {
		return fmt.Errorf("the demo's run carries on when everything is started again: %w", errInterrupted)
	}
	return err
}

// isLoopback reports whether an address is reachable from this machine only. A proxy in front of it is not
// considered.
func isLoopback(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	return parsed.Hostname() == "localhost" || net.ParseIP(parsed.Hostname()).IsLoopback()
}

// absoluteDataDirectory is the requested directory, or the platform's default for application data.
func absoluteDataDirectory(asked string) (string, error) {
	if asked != "" {
		return filepath.Abs(asked)
	}
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "portico"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for data: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "portico"), nil
}
