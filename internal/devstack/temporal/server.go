package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	temporalserver "go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const (
	clusterName = "active"
	// historyShards is fixed in the data when it is made. More shards would start and idle slower; measured,
	// four saturate two cores.
	historyShards = 4
	storeName     = "executions"
	visibility    = "visibility"
)

// Options says where a server keeps its data and what it starts with.
type Options struct {
	// DSN is of any database on the PostgreSQL server to use, by a role that may create databases. Required.
	DSN string
	// Database is the name of the server's main database; a second one has _visibility appended. "" means
	// "temporal".
	Database string
	// Namespace is made when it is missing. "" means "default".
	Namespace string
	// Retention is how long closed runs are kept in a namespace that is made; 0 means 7 days.
	Retention time.Duration
	// SearchAttributes are the custom search attributes of a namespace that is made.
	SearchAttributes map[string]enumspb.IndexedValueType
	// FrontendPort is the gRPC port on 127.0.0.1; 0 takes a free one.
	FrontendPort int
	// TLS secures the server as its own configuration file does; the zero value speaks plain text.
	TLS config.RootTLS
	// Authorizer decides about every call; nil allows all. It finds a caller's API key in the extensions of
	// the claims.
	Authorizer authorization.Authorizer
	// Log gets what Temporal calls errors at info level and its warnings at debug level: it retries by
	// itself. Nil means slog.Default.
	Log *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	server   temporalserver.Server
	log      logger
	stores   *stores
	frontend string
}

// Start makes or upgrades the databases and runs the server until Stop. It returns when the frontend accepts
// requests. ctx bounds the work on the databases; the server's own start gives up after 15 seconds for each
// of its services.
func Start(ctx context.Context, options Options) (*Server, error) {
	options = withDefaults(options)
	// Temporal's own workers would otherwise name themselves by the MD5 of this binary: a third of a second
	// to read all of it.
	worker.SetBinaryChecksum("portico-devstack")
	databases, err := openStores(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	started, err := startServer(ctx, options, databases)
	if err != nil {
		databases.close()
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	return started, nil
}

func withDefaults(options Options) Options {
	if options.Database == "" {
		options.Database = "temporal"
	}
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if options.Retention == 0 {
		options.Retention = 7 * 24 * time.Hour
	}
	if options.Authorizer == nil {
		options.Authorizer = authorization.NewNoopAuthorizer()
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return options
}

func startServer(ctx context.Context, options Options, databases *stores) (started *Server, err error) {
	defer func() {
		if fatal, ok := recover().(fatalError); ok {
			err = fatal
		}
	}()
	if err := createNamespace(databases.executions, options); err != nil {
		return nil, err
	}
	ports, err := servicePorts(ctx, options.FrontendPort)
	if err != nil {
		return nil, err
	}
	log := logger{log: options.Log, stopping: new(atomic.Bool)}
	server, err := temporalserver.NewServer(serverOptions(log, options, databases, ports)...)
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return &Server{
		server:   server,
		log:      log,
		stores:   databases,
		frontend: loopback.Address(ports[primitives.FrontendService]),
	}, nil
}

// FrontendAddress is host:port for Temporal's clients.
func (s *Server) FrontendAddress() string { return s.frontend }

// Stop ends the server, then its database connections. The server drains for as long as it needs, a second or
// two; when ctx ends first, Stop returns and leaves the rest to the end of the process.
func (s *Server) Stop(ctx context.Context) error {
	s.log.stopping.Store(true)
	stopped := make(chan error, 1)
	go func() {
		err := s.server.Stop()
		s.stores.close()
		stopped <- err
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop Temporal: %w", ctx.Err())
	}
}

// createNamespace writes the namespace before the server starts, so that it is usable at once. Temporal has
// this for SQLite only in name: it goes through the same store interface.
func createNamespace(executions *store, options Options) error {
	namespace, err := sqlite.NewNamespaceConfig(clusterName, options.Namespace, false, options.SearchAttributes)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", options.Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(options.Retention)
	return sqlite.CreateNamespaces(executions.config(), namespace)
}

var services = []primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

func servicePorts(ctx context.Context, frontendPort int) (map[primitives.ServiceName]int, error) {
	free, err := loopback.FreePorts(ctx, len(services))
	if err != nil {
		return nil, err
	}
	ports := make(map[primitives.ServiceName]int, len(services))
	for i, service := range services {
		ports[service] = free[i]
	}
	if frontendPort != 0 {
		ports[primitives.FrontendService] = frontendPort
	}
	return ports, nil
}

func serverOptions(log logger, options Options, databases *stores, ports map[primitives.ServiceName]int) []temporalserver.ServerOption {
	hosts := make(map[primitives.ServiceName]static.Hosts, len(ports))
	for service, port := range ports {
		hosts[service] = static.SingleLocalHost(loopback.Address(port))
	}
	configuration := serverConfig(databases, ports)
	configuration.Global.TLS = options.TLS
	return []temporalserver.ServerOption{
		temporalserver.WithConfig(configuration),
		temporalserver.ForServices(temporalserver.DefaultServices),
		temporalserver.WithStaticHosts(hosts),
		temporalserver.WithCustomDataStoreFactory(storeFactory{databases.executions, newFreshRuns()}),
		temporalserver.WithLogger(log),
		temporalserver.WithDynamicConfigClient(tuning),
		temporalserver.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporalserver.WithAuthorizer(options.Authorizer),
		temporalserver.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return apiKeys{} }),
	}
}

// apiKeys hands the API key of a caller on to the authorizer.
type apiKeys struct{}

// GetClaims implements authorization.ClaimMapper.
func (apiKeys) GetClaims(caller *authorization.AuthInfo) (*authorization.Claims, error) {
	return &authorization.Claims{Subject: "caller", Extensions: caller.AuthToken}, nil
}

func serverConfig(databases *stores, ports map[primitives.ServiceName]int) *config.Config {
	frontend := loopback.Address(ports[primitives.FrontendService])
	configuration := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  visibility,
			NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{
				storeName:  {CustomDataStoreConfig: &config.CustomDatastoreConfig{Name: storeName}}, // by storeFactory
				visibility: {SQL: databases.visibility.config()},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: frontend},
		Services:            make(map[string]config.Service, len(ports)),
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	for service, port := range ports {
		configuration.Services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnLocalHost: true}}
	}
	return configuration
}
