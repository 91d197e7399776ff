// Command server is a gateway of S3's protocol over a temporary directory, for tests: Versity's, which checks signatures
// and keeps versions of objects. It prints its address on one line, and ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// The keys of the one account.
const (
	accessKeyID     = "AKIATEST"
	secretAccessKey = "test-secret-access-key"
)

const startTimeout = 30 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	printed := os.Stdout
	os.Stdout = os.Stderr // the gateway prints what it does
	directory, err := os.MkdirTemp("", "s3-server-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	data, versions := filepath.Join(directory, "data"), filepath.Join(directory, "versions")
	for _, each := range []string{data, versions} {
		if err := os.Mkdir(each, 0o700); err != nil {
			return err
		}
	}
	// Metadata are extended attributes of the files. Files beside them, which the gateway also knows, would stay when an
	// older version of an object comes back.
	attributes := meta.XattrMeta{}
	if err := attributes.Test(data); err != nil {
		return fmt.Errorf("the directory for temporary files needs extended attributes, set TMPDIR to one that has them: %w", err)
	}
	backend, err := posix.New(data, attributes, posix.PosixOpts{VersioningDir: versions})
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	go func() {
		if awaitHealth(ctx, address) == nil {
			fmt.Fprintf(printed, "http://%s\n", address)
		}
	}()
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{RootUserAccess: accessKeyID, RootUserSecret: secretAccessKey, Region: "eu-west-1",
		Ports: []string{address}, HealthPath: "/health", Quiet: true, KeepAlive: true, MaxConnections: 1000, MaxRequests: 1000, MultipartMaxParts: 100})
}

// freeAddress is an address of this machine that nobody uses at the moment. The gateway opens its port itself.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitHealth waits until the gateway answers.
func awaitHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			return answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
