// Command publish measures how long it takes a worker to make and publish a site of which one page has changed, in a folder and, where
// PORTICO_S3 names a server of S3's protocol, in a bucket of it:
//
//	go run ./bench/techdocs/publish
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/portico-dev/portico/bench/techdocs/pages"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/devstack/servers"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
	"github.com/portico-dev/portico/techdocs/store"
)

// longest bounds the whole measurement, so that a program that hangs is seen.
const longest = time.Hour

func main() {
	size := flag.Int("pages", 1000, "the size of the site")
	runs := flag.Int("runs", 7, "how often a page is changed; the median counts")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), longest)
	err := run(ctx, *size, *runs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, size, runs int) (err error) {
	work, err := os.MkdirTemp("", "portico-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	folder, err := store.NewFolder(filepath.Join(work, "folder"), store.Options{})
	if err != nil {
		return err
	}
	m := measurement{source: filepath.Join(work, "source"), work: work, runs: runs}
	if err := pages.Write(m.source, size, 7); err != nil {
		return err
	}
	if err := errors.Join(m.measure(ctx, "a folder", folder), folder.Close()); err != nil {
		return err
	}
	if os.Getenv(servers.S3.Variable) == "" {
		return nil
	}
	return m.inBucket(ctx)
}

type measurement struct {
	source, work string
	runs         int
}

// The keys of the server.
const (
	keyID = "AKIATEST"
	key   = "test-secret-access-key"
)

func (m measurement) inBucket(ctx context.Context) (err error) {
	server, err := servers.S3.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	address, name := server.Printed[0], "docs"
	client := s3.New(s3.Options{BaseEndpoint: &address, Region: "eu-west-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(keyID, key, "")})
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		return err
	}
	sites, err := store.Open(ctx, config.TechDocs{Publisher: config.TechDocsPublisher{Type: config.DocsInS3, AWSS3: config.DocsS3{BucketName: name, Region: "eu-west-1",
		Endpoint: address, ForcePathStyle: true, Credentials: config.DocsS3Credentials{AccessKeyID: keyID, SecretAccessKey: key}}}}, store.Settings{})
	if err != nil {
		return err
	}
	return errors.Join(m.measure(ctx, "a bucket", sites), sites.Close())
}

// measure publishes the site, changes one page some times, and prints how long it takes to list, make and publish.
func (m measurement) measure(ctx context.Context, where string, sites *store.Store) error {
	generator := site.New(site.Config{})
	page := filepath.Join(m.source, "docs", "index.md")
	content, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var all [][4]time.Duration
	for n := range m.runs + 2 {
		content = fmt.Appendf(content, "\nSentence number %d.\n", n)
		if err := os.WriteFile(page, content, 0o600); err != nil {
			return err
		}
		took, err := m.once(ctx, generator, sites)
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Fprintf(os.Stdout, "the whole site into %s: made in %.3f s, published in %.3f s\n", where, took[1].Seconds(), took[2].Seconds())
		}
		if n > 1 { // the second one finds out what is around the pages
			all = append(all, took)
		}
	}
	slices.SortFunc(all, func(a, b [4]time.Duration) int { return int(a[3] - b[3]) })
	median := all[len(all)/2]
	fmt.Fprintf(os.Stdout, "one changed page into %s: listed in %.3f s, made in %.3f s, published in %.3f s; in all %.3f s, from %.3f to %.3f s\n", where, median[0].Seconds(),
		median[1].Seconds(), median[2].Seconds(), median[3].Seconds(), all[0][3].Seconds(), all[len(all)-1][3].Seconds())
	return nil
}

func (m measurement) once(ctx context.Context, generator *site.Generator, sites *store.Store) (took [4]time.Duration, err error) {
	output, err := os.MkdirTemp(m.work, "output-")
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(output)) }()
	ref := techdocs.Ref{Namespace: "default", Kind: "component", Name: "handbook"}
	began := time.Now()
	published, err := sites.Digests(ctx, ref)
	if err != nil {
		return took, err
	}
	took[0] = time.Since(began)
	report, err := generator.Generate(ctx, m.source, output, techdocs.Options{Published: published})
	if err != nil {
		return took, err
	}
	took[1] = time.Since(began) - took[0]
	err = sites.PublishRest(ctx, ref, output, report.Kept)
	took[3] = time.Since(began)
	took[2] = took[3] - took[0] - took[1]
	return took, err
}
