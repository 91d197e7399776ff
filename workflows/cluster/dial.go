package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
)

const (
	// attemptTimeout bounds one attempt to reach a frontend.
	attemptTimeout = 5 * time.Second
	// firstPause is how long is waited after the first attempt. It doubles up to lastPause.
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
	// reportInterval is how often the log says that Temporal is still being waited for.
	reportInterval = 10 * time.Second
)

// DialOptions say how long to wait for a cluster.
type DialOptions struct {
	// Wait bounds all attempts together. 0 makes one attempt.
	Wait time.Duration
	// Log is told what is waited for. Required.
	Log *slog.Logger
	// Customize changes the SDK's options before they are used; nil changes nothing.
	Customize func(*client.Options)
}

// NamespaceNotFoundError says that the cluster is there and the namespace is not.
type NamespaceNotFoundError struct{ Address, Namespace string }

func (e *NamespaceNotFoundError) Error() string {
	return fmt.Sprintf("namespace %q does not exist in Temporal at %s: run `portico migrate`, which creates it where it may, or create it with "+
		"`temporal operator namespace create --namespace %s`, or name another in portico.temporal.namespace", e.Namespace, e.Address, e.Namespace)
}

// Dial connects and waits until the cluster answers for the namespace. What will not pass by itself ends the
// waiting at once: a refused credential, a certificate that one side does not accept, a namespace that does
// not exist (a *NamespaceNotFoundError). The client must be closed by the caller.
func (t Target) Dial(ctx context.Context, options DialOptions) (client.Client, error) {
	connected, err := t.lazyClient(options)
	if err != nil {
		return nil, err
	}
	err = t.await(ctx, options, func(ctx context.Context) error {
		_, err := connected.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: t.Namespace})
		return err
	})
	if err != nil {
		connected.Close()
		return nil, err
	}
	return connected, nil
}

func (t Target) lazyClient(options DialOptions) (client.Client, error) {
	if t.Address == "" {
		return nil, errNoAddress
	}
	settings := t.options
	if options.Customize != nil {
		options.Customize(&settings)
	}
	connected, err := client.NewLazyClient(settings)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", t.Address, err)
	}
	return connected, nil
}

// await repeats a call until it succeeds, fails for good, or the time is over.
func (t Target) await(ctx context.Context, options DialOptions, call func(context.Context) error) error {
	began := time.Now()
	pause, reported := firstPause, began
	for attempts := 1; ; attempts++ {
		err := t.attempt(ctx, call)
		if err == nil {
			return nil
		}
		if reason := t.final(err); reason != nil {
			return reason
		}
		waited := time.Since(began)
		if waited+pause > options.Wait {
			return fmt.Errorf("connect to Temporal at %s (%s): no answer in %s and %d attempts, the last of which failed with: %w%s",
				t.Address, t.Secured(), waited.Round(time.Second), attempts, err, t.hint())
		}
		if attempts == 1 || time.Since(reported) >= reportInterval {
			reported = time.Now()
			options.Log.WarnContext(ctx, "waiting for Temporal", "address", t.Address, "namespace", t.Namespace, "secured", t.Secured(),
				"attempts", attempts, "waited", waited.Round(time.Millisecond), "limit", options.Wait, "error", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

func (t Target) attempt(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return call(ctx)
}

// hint tells what a server that closes the connection may want.
func (t Target) hint() string {
	if t.options.ConnectionOptions.TLS == nil && t.options.Credentials == nil {
		return "; is it a frontend that wants TLS (portico.temporal.tls.mode: required)?"
	}
	return ""
}

// refusals are answers to credentials that will be the same next time.
var refusals = []codes.Code{codes.Unauthenticated, codes.PermissionDenied}

// tlsFailures are what a failed handshake is recognised by: gRPC hands it on as text. Each is said with the
// setting that is to be looked at.
var tlsFailures = []struct{ text, means string }{
	{"tls: certificate required", "it wants a client certificate: set portico.temporal.tls.clientCertFile and clientKeyFile"},
	{"tls: unknown certificate authority", "it does not know the authority that signed the client certificate: use one of the authority that it trusts " +
		"(portico.temporal.tls.clientCertFile)"},
	{"tls: expired certificate", "the client certificate has expired: renew it (portico.temporal.tls.clientCertFile)"},
	{"tls: bad certificate", "it does not accept the client certificate: check portico.temporal.tls.clientCertFile"},
	{"certificate signed by unknown authority", "its certificate is signed by an authority that is not trusted here: set portico.temporal.tls.serverCaFile"},
	{"certificate has expired", "its certificate is not valid now: the cluster's operator must renew it"},
	{"certificate is valid for", "its certificate is for another name: set portico.temporal.tls.serverName"},
	{"first record does not look like a TLS handshake", "it does not speak TLS: set portico.temporal.tls.mode to disabled, if that is meant"},
	{"tls: failed to verify certificate", "its certificate cannot be verified: check portico.temporal.tls.serverCaFile and serverName"},
	{"load the client certificate", "the client certificate cannot be loaded: check portico.temporal.tls.clientCertFile and clientKeyFile"},
}

// final is the error to give up with, nil where another attempt may succeed.
func (t Target) final(err error) error {
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		return &NamespaceNotFoundError{Address: t.Address, Namespace: t.Namespace}
	}
	if slices.Contains(refusals, serviceerror.ToStatus(err).Code()) {
		return fmt.Errorf("connect to Temporal at %s: it refuses namespace %q to this client, which uses %s: %w. "+
			"Check the credentials (portico.temporal.apiKey, apiKeyFile, tls) and what they may use", t.Address, t.Namespace, t.Secured(), err)
	}
	for _, failure := range tlsFailures {
		if strings.Contains(err.Error(), failure.text) {
			return fmt.Errorf("connect to Temporal at %s: %s (%w)", t.Address, failure.means, err)
		}
	}
	return nil
}
