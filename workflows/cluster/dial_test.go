package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.temporal.io/server/common/authorization"
	temporalconfig "go.temporal.io/server/common/config"

	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
	"github.com/portico-dev/portico/workflows/cluster"
)

// patience is how long a test waits for something that must happen.
const patience = time.Minute

var quiet = slog.New(slog.DiscardHandler)

// mutualTLS is the configuration of a server that requires client certificates of an authority.
func mutualTLS(t *testing.T, of *authority) temporalconfig.RootTLS {
	t.Helper()
	server := of.sign(t, "temporal.test", time.Now().Add(time.Hour))
	worker := of.sign(t, "system worker", time.Now().Add(time.Hour))
	return temporalconfig.RootTLS{
		Frontend: temporalconfig.GroupTLS{Server: temporalconfig.ServerTLS{CertFile: server.certFile, KeyFile: server.keyFile,
			ClientCAFiles: []string{of.file}, RequireClientAuth: true}},
		SystemWorker: temporalconfig.WorkerTLS{CertFile: worker.certFile, KeyFile: worker.keyFile,
			Client: temporalconfig.ClientTLS{RootCAFiles: []string{of.file}, ServerName: "temporal.test"}},
	}
}

func resolve(t *testing.T, options cluster.Options) cluster.Target {
	t.Helper()
	if options.Environment == nil {
		options.Environment = environment{"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml")}
	}
	target, err := cluster.Resolve(options)
	require.NoError(t, err)
	return target
}

func sdkQuiet(options *client.Options) { options.Logger = sdklog.NewStructuredLogger(quiet) }

// dial connects and closes the connection. It waits as long as a start of Portico, so an error that it
// returns has ended the wait.
func dial(t *testing.T, target cluster.Target) error {
	t.Helper()
	return dialWith(t, target, cluster.DialOptions{Wait: patience, Log: quiet, Customize: sdkQuiet})
}

func dialWith(t *testing.T, target cluster.Target, options cluster.DialOptions) error {
	t.Helper()
	connected, err := target.Dial(t.Context(), options)
	if err == nil {
		connected.Close()
	}
	return err
}

func TestAClusterThatWantsClientCertificates(t *testing.T) {
	t.Parallel()
	trusted, foreign := newAuthority(t, "authority of the cluster"), newAuthority(t, "somebody else")
	address := temporaltest.Serve(t, temporal.Options{TLS: mutualTLS(t, trusted)}).FrontendAddress()
	own := trusted.sign(t, "portico", time.Now().Add(time.Hour))
	strange := foreign.sign(t, "portico", time.Now().Add(time.Hour))
	authorityPEM, err := os.ReadFile(trusted.file)
	require.NoError(t, err)

	for name, options := range map[string]cluster.Options{
		"files":  {Address: address, TLS: cluster.TLS{ServerCAFile: trusted.file, ClientCertFile: own.certFile, ClientKeyFile: own.keyFile}},
		"inline": {Address: address, TLS: cluster.TLS{ServerCA: string(authorityPEM), ClientCert: own.cert, ClientKey: own.key}},
		"server name": {Address: address, TLS: cluster.TLS{ServerName: "temporal.test", ServerCAFile: trusted.file,
			ClientCertFile: own.certFile, ClientKeyFile: own.keyFile}},
		"environment": {Environment: environment{"TEMPORAL_ADDRESS": address, "TEMPORAL_TLS_SERVER_CA_CERT_PATH": trusted.file,
			"TEMPORAL_TLS_CLIENT_CERT_PATH": own.certFile, "TEMPORAL_TLS_CLIENT_KEY_PATH": own.keyFile}},
		"profile": {Profile: "secured", ConfigFile: profiles(t, fmt.Sprintf(
			"[profile.secured]\naddress = %q\n[profile.secured.tls]\nserver_ca_cert_path = %q\nclient_cert_path = %q\nclient_key_path = %q\n",
			address, trusted.file, own.certFile, own.keyFile))},
	} {
		t.Run("connects/"+name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, dial(t, resolve(t, options)))
		})
	}
	for name, test := range map[string]struct {
		secured cluster.TLS
		says    string
	}{
		"no certificate":            {cluster.TLS{ServerCAFile: trusted.file}, "it wants a client certificate"},
		"certificate of a stranger": {cluster.TLS{ServerCAFile: trusted.file, ClientCertFile: strange.certFile, ClientKeyFile: strange.keyFile}, "does not know the authority that signed the client certificate"},
		"server is not trusted":     {cluster.TLS{ServerCAFile: foreign.file, ClientCertFile: own.certFile, ClientKeyFile: own.keyFile}, "signed by an authority that is not trusted here"},
		"server has another name":   {cluster.TLS{ServerName: "elsewhere.test", ServerCAFile: trusted.file, ClientCertFile: own.certFile, ClientKeyFile: own.keyFile}, "its certificate is for another name"},
	} {
		t.Run("refused/"+name, func(t *testing.T) {
			t.Parallel()
			err := dial(t, resolve(t, cluster.Options{Address: address, TLS: test.secured}))
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, address)
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		t.Parallel()
		err := dialWith(t, resolve(t, cluster.Options{Address: address}), cluster.DialOptions{Log: quiet, Customize: sdkQuiet})
		require.ErrorContains(t, err, "is it a frontend that wants TLS")
	})
	t.Run("certificate is renewed in its files", func(t *testing.T) {
		t.Parallel()
		files := foreign.sign(t, "portico", time.Now().Add(time.Hour))
		target := resolve(t, cluster.Options{Address: address,
			TLS: cluster.TLS{ServerCAFile: trusted.file, ClientCertFile: files.certFile, ClientKeyFile: files.keyFile}})
		require.Error(t, dial(t, target))
		files.write(t, own)
		require.NoError(t, dial(t, target))
	})
}

// keys authenticates callers by API key. Temporal's own workers have none.
type keys struct {
	valid atomic.Value
	// creates reports whether the key may create namespaces.
	creates bool
}

func (k *keys) Authorize(_ context.Context, caller *authorization.Claims, call *authorization.CallTarget) (authorization.Result, error) {
	isSystem := call.Namespace == "temporal-system" || call.Namespace == ""
	isOwn := caller != nil && caller.Extensions == "Bearer "+k.valid.Load().(string)
	if isOwn && call.APIName == "/temporal.api.workflowservice.v1.WorkflowService/RegisterNamespace" && !k.creates {
		return authorization.Result{Decision: authorization.DecisionDeny}, nil
	}
	if isSystem || isOwn {
		return authorization.Result{Decision: authorization.DecisionAllow}, nil
	}
	return authorization.Result{Decision: authorization.DecisionDeny}, nil
}

func TestAClusterThatWantsAPIKeys(t *testing.T) {
	t.Parallel()
	trusted := newAuthority(t, "authority of the cluster")
	accepted := &keys{}
	accepted.valid.Store("first-key")
	secured := mutualTLS(t, trusted)
	secured.Frontend.Server.RequireClientAuth = false
	address := temporaltest.Serve(t, temporal.Options{TLS: secured, Authorizer: accepted}).FrontendAddress()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("first-key\n"), 0o600))
	target := func(options cluster.Options) cluster.Target {
		options.Address, options.TLS = address, cluster.TLS{ServerCAFile: trusted.file}
		return resolve(t, options)
	}

	require.NoError(t, dial(t, target(cluster.Options{APIKey: "first-key"})))
	require.NoError(t, dial(t, target(cluster.Options{Environment: environment{"TEMPORAL_API_KEY": "first-key"}})))
	for _, wrong := range []cluster.Options{{}, {APIKey: "wrong-key"}} {
		var log strings.Builder
		err := dialWith(t, target(wrong), cluster.DialOptions{Wait: patience, Log: slog.New(slog.NewTextHandler(&log, nil)), Customize: sdkQuiet})
		require.ErrorContains(t, err, `it refuses namespace "default" to this client`)
		require.Empty(t, log.String(), "a refusal is not waited for")
		require.NotContains(t, err.Error(), "wrong-key")
	}

	connected, err := target(cluster.Options{APIKeyFile: file}).Dial(t.Context(), cluster.DialOptions{Log: quiet, Customize: sdkQuiet})
	require.NoError(t, err)
	defer connected.Close()
	describe := &workflowservice.DescribeNamespaceRequest{Namespace: "default"}
	accepted.valid.Store("second-key")
	_, err = connected.WorkflowService().DescribeNamespace(t.Context(), describe)
	require.Error(t, err, "the old key is not valid any more")
	require.NoError(t, os.WriteFile(file, []byte("second-key\n"), 0o600))
	_, err = connected.WorkflowService().DescribeNamespace(t.Context(), describe)
	require.NoError(t, err, "the key is read again for each call")

	err = prepare(t, target(cluster.Options{Namespace: "another", APIKeyFile: file}))
	require.ErrorContains(t, err, `namespace "another" does not exist in Temporal at `+address+", and this client may not create it")
	require.ErrorContains(t, err, "temporal operator namespace create --namespace another")
}

func prepare(t *testing.T, target cluster.Target) error {
	t.Helper()
	connected, err := target.Prepare(t.Context(), cluster.DialOptions{Wait: patience, Log: quiet, Customize: sdkQuiet})
	if err == nil {
		connected.Close()
	}
	return err
}

func greet(workflow.Context) (string, error) { return "hello", nil }

func TestAMissingNamespaceIsNamedAndCanBeCreated(t *testing.T) {
	t.Parallel()
	target := cluster.Plain(temporaltest.Serve(t, temporal.Options{}).FrontendAddress(), "portico")
	var missing *cluster.NamespaceNotFoundError
	err := dial(t, target)
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, `namespace "portico" does not exist`)
	require.ErrorContains(t, err, "run `portico migrate`")

	require.NoError(t, prepare(t, target))
	require.NoError(t, prepare(t, target), "the second time there is nothing to do")
	connected, err := target.Dial(t.Context(), cluster.DialOptions{Wait: patience, Log: quiet, Customize: sdkQuiet})
	require.NoError(t, err)
	defer connected.Close()
	running := worker.New(connected, "queue", worker.Options{})
	running.RegisterWorkflow(greet)
	require.NoError(t, running.Start())
	defer running.Stop()
	run, err := connected.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "queue"}, greet)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
}

// started calls begin when the log says that the process waits for Temporal.
type started struct {
	io.Writer
	begin func()
}

func (s started) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "waiting for Temporal") {
		s.begin()
	}
	return s.Writer.Write(text)
}

func TestDialWaitsForTheCluster(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())

	var log strings.Builder
	begun := false
	waiting := started{Writer: &log, begin: func() {
		if !begun {
			begun = true
			temporaltest.Serve(t, temporal.Options{FrontendPort: port})
		}
	}}
	err = dialWith(t, cluster.Plain(fmt.Sprintf("127.0.0.1:%d", port), ""),
		cluster.DialOptions{Wait: patience, Log: slog.New(slog.NewTextHandler(waiting, nil)), Customize: sdkQuiet})
	require.NoError(t, err)
	require.True(t, begun)
	require.Contains(t, log.String(), "attempts=1")
	require.Contains(t, log.String(), "connection refused")
}

func TestAnUnreachableClusterIsAnError(t *testing.T) {
	t.Parallel()
	err := dialWith(t, cluster.Plain("127.0.0.1:1", ""), cluster.DialOptions{Wait: time.Second, Log: quiet, Customize: sdkQuiet})
	require.ErrorContains(t, err, "connect to Temporal at 127.0.0.1:1 (no TLS): no answer in")
	require.ErrorContains(t, err, "attempts, the last of which failed with:")
	require.ErrorContains(t, err, "connection refused")
}

func TestAnInterruptEndsTheWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	waiting := started{Writer: io.Discard, begin: cancel}
	_, err := cluster.Plain("127.0.0.1:1", "").Dial(ctx, cluster.DialOptions{Wait: time.Hour,
		Log: slog.New(slog.NewTextHandler(waiting, nil)), Customize: sdkQuiet})
	require.ErrorIs(t, err, context.Canceled)
}
