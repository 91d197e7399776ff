// Command server is a Kubernetes control plane for tests and for trying things out: kube-apiserver with etcd in the
// same process, and what finishes the deletion of namespaces. Nothing runs pods. Its data is in a temporary
// directory. It prints its address, the token of an administrator and the file of its certificate authority on
// one line, and ends when its standard input does.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	"k8s.io/kubernetes/pkg/controller/namespace/deletion"
)

func main() {
	data, err := os.MkdirTemp("", "portico-kube-apiserver-")
	if err == nil {
		err = run(context.Background(), data)
		_ = os.RemoveAll(data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until the standard input ends.
func run(ctx context.Context, data string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	store, err := startEtcd(filepath.Join(data, "etcd"))
	if err != nil {
		return err
	}
	// Nothing is stopped in order at the end: no data outlives the process.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := "https://" + listener.Addr().String()
	token := rand.Text()
	served := make(chan error, 1)
	go func() { served <- serveAPI(ctx, data, listener, store.Clients[0].Addr().String(), token) }()

	authority := filepath.Join(data, "apiserver.crt")
	go func() {
		client := &rest.Config{Host: address, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAFile: authority}, QPS: -1}
		if err := finish(ctx, client, func() { fmt.Println(address, token, authority) }); err != nil {
			served <- err
		}
	}()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		// Without a grace period: nothing here outlives the process.
		served <- nil
	}()
	return <-served
}

func startEtcd(data string) (*embed.Etcd, error) {
	settings := embed.NewConfig()
	settings.Dir, settings.LogLevel, settings.UnsafeNoFsync = data, "error", true
	anywhere := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	settings.ListenClientUrls, settings.AdvertiseClientUrls = anywhere, anywhere
	settings.ListenPeerUrls, settings.AdvertisePeerUrls = anywhere, anywhere
	settings.InitialCluster = settings.InitialClusterFromName(settings.Name)
	store, err := embed.StartEtcd(settings)
	if err != nil {
		return nil, err
	}
	<-store.Server.ReadyNotify()
	return store, nil
}

// serveAPI runs the API server on a listener. The administrator is in the group that may do everything; all
// others need roles.
func serveAPI(ctx context.Context, data string, listener net.Listener, etcd, token string) error {
	tokens, key := filepath.Join(data, "tokens.csv"), filepath.Join(data, "accounts.pem")
	if err := os.WriteFile(tokens, []byte(token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return err
	}
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(signer)})
	if err := os.WriteFile(key, encoded, 0o600); err != nil {
		return err
	}
	server := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range server.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse([]string{
		"--etcd-servers=http://" + etcd, "--cert-dir=" + data, "--bind-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--token-auth-file=" + tokens, "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + key, "--service-account-key-file=" + key,
	}); err != nil {
		return err
	}
	server.SecureServing.Listener, server.SecureServing.BindPort = listener, listener.Addr().(*net.TCPAddr).Port
	if err := server.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if problems := completed.Validate(); len(problems) > 0 {
		return problems[0]
	}
	return app.Run(ctx, completed)
}

// finish waits until the server is ready and reports that. Then it does what the controller of namespaces does,
// without its delay of five seconds: it deletes what is in a terminating namespace, and the namespace.
func finish(ctx context.Context, settings *rest.Config, ready func()) error {
	for len(settings.CAData) == 0 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		settings.CAData, _ = os.ReadFile(settings.CAFile) // it is written while the server starts
	}
	client, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(settings)
	if err != nil {
		return err
	}
	for client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() != nil && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	deleter := deletion.NewNamespacedResourcesDeleter(ctx, client.CoreV1().Namespaces(), objects, client.CoreV1(),
		client.Discovery().ServerPreferredNamespacedResources, corev1.FinalizerKubernetes)
	ready()
	for ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		listed, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, namespace := range listed.Items {
			if namespace.DeletionTimestamp != nil {
				_ = deleter.Delete(ctx, namespace.Name) // what remains is tried again
			}
		}
	}
	return nil
}
