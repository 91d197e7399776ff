package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/job"
	"github.com/portico-dev/portico/techdocs/store"
)

// techdocsCommand has the commands of techdocs-cli, with its flags, so that a job of CI changes one word.
func techdocsCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "techdocs", Short: "Generate, preview and publish documentation", Args: cobra.NoArgs,
		Long: `Generates, previews and publishes the documentation of an entity. The commands and flags are those of techdocs-cli: a
job of CI that runs it writes ` + "`portico techdocs`" + ` in place of ` + "`techdocs-cli`" + `. Neither Docker nor Python is needed.`,
		Example: `  portico techdocs generate
  portico techdocs publish --publisher-type local --storage-name published --entity default/component/shop`,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(generateDocsCommand(), publishDocsCommand(), migrateDocsCommand(), serveDocsCommand(), serveMkDocsCommand(), rebuildDocsCommand(), docsBuildsCommand())
	return command
}

// docsSource is what is generated.
type docsSource struct {
	sourceDir, siteName string
	verbose             bool
	// ignored are flags for Docker and MkDocs.
	ignored []string
}

func (d *docsSource) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&d.sourceDir, "source-dir", ".", "the directory with mkdocs.yml and docs")
	flags.StringVar(&d.siteName, "site-name", "Documentation Site", "the name of a site without mkdocs.yml")
	flags.BoolVarP(&d.verbose, "verbose", "v", false, "say more")
}

// ignore accepts flags of techdocs-cli for Docker and MkDocs.
func (d *docsSource) ignore(flags *pflag.FlagSet, switches, texts []string) {
	for _, name := range switches {
		flags.Bool(name, false, "has no effect: Docker is not used")
	}
	for _, name := range texts {
		flags.StringArray(name, nil, "has no effect: Docker is not used")
	}
	for _, name := range slices.Concat(switches, texts) {
		d.ignored = append(d.ignored, name)
		flags.Lookup(name).Hidden = true
	}
}

// explain says which flags have no effect.
func (d *docsSource) explain(command *cobra.Command) {
	var given []string
	for _, name := range d.ignored {
		if command.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 0 {
		fmt.Fprintf(command.ErrOrStderr(), "%s: no effect, because Docker is not used.\n", strings.Join(given, ", "))
	}
}

func generateDocsCommand() *cobra.Command {
	var source docsSource
	var output, ref, etag string
	var copyReadme bool
	command := &cobra.Command{
		Use: "generate", Aliases: []string{"build"}, Short: "Generate a site", Args: cobra.NoArgs,
		Long: `Generates a site of Markdown. An error of an author is printed with its file and line, and leaves the earlier site.
Without --etag, the site gets a digest of what is in it, by which ` + "`publish --skip-if-unchanged`" + ` knows it.`,
		Example: `  portico techdocs generate --output-dir site
  portico techdocs generate --no-docker --techdocs-ref url:https://github.com/acme/shop --etag 4711`,
		RunE: func(command *cobra.Command, _ []string) error {
			source.explain(command)
			options := techdocs.Options{SiteName: source.siteName, ETag: etag, CopyReadme: copyReadme}
			if err := addresses(ref, &options); err != nil {
				return err
			}
			generator, err := docsGenerator()
			if err != nil {
				return err
			}
			if source.verbose {
				options.Log = func(line string) { fmt.Fprintln(command.OutOrStdout(), line) }
			}
			report, err := job.Generate(command.Context(), job.Generation{Source: source.sourceDir, Output: output, Generator: generator, Options: options})
			for _, problem := range report.Problems {
				if problem.Severity != "info" || source.verbose {
					fmt.Fprintln(command.ErrOrStderr(), job.Line(problem))
				}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(command.OutOrStdout(), "%d pages and %d files in all are in %s\n", report.Pages, report.Files, output)
			return nil
		},
	}
	flags := command.Flags()
	source.addFlags(flags)
	flags.StringVar(&output, "output-dir", "./site/", "the directory that becomes the site")
	flags.StringVar(&ref, "techdocs-ref", "", "where the source is, such as url:https://github.com/acme/shop, for links to it; as the annotation backstage.io/techdocs-ref")
	flags.StringVar(&etag, "etag", "", "what the site is known by, such as the commit")
	flags.BoolVar(&copyReadme, "legacyCopyReadmeMdToIndexMd", false, "use README.md where there is no index.md")
	source.ignore(flags, []string{"no-docker", "no-pull", "omitTechdocsCoreMkdocsPlugin", "runAsDefaultUser"}, []string{"docker-image", "defaultPlugin"})
	return command
}

// addresses are those that pages link to their source with.
func addresses(ref string, options *techdocs.Options) error {
	if ref == "" {
		return nil
	}
	kind, target, found := strings.Cut(ref, ":")
	if !found || kind != "url" && kind != "dir" {
		return fault.New(fault.Input, "--techdocs-ref %s: write url: and the address of a repository", ref)
	}
	if kind == "dir" {
		return nil // it has no address
	}
	public, err := forges.New(forges.Config{}, integration.Options{})
	if err != nil {
		return err
	}
	options.RepoURL = target
	if edited, is := public.EditURL(strings.TrimRight(target, "/") + "/docs/"); is {
		options.EditURI = strings.TrimRight(edited, "/") + "/"
	}
	return nil
}

// docsPlace is where sites are published.
type docsPlace struct {
	kind, name, bucketRoot, gcsRoot              string
	keepCase                                     bool
	roleARN, endpoint, proxy, encryption         string
	pathStyle                                    bool
	attempts                                     int
	azureAccount, azureKey                       string
	swiftID, swiftSecret, swiftAuthURL, swiftURL string
}

func (d *docsPlace) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&d.kind, "publisher-type", "", "awsS3, googleGcs, azureBlobStorage, openStackSwift, or local for a directory")
	flags.StringVar(&d.name, "storage-name", "", "the bucket, the container, or the directory")
	flags.StringVar(&d.roleARN, "awsRoleArn", "", "the role to assume")
	flags.StringVar(&d.endpoint, "awsEndpoint", "", "the address of a server besides AWS")
	flags.StringVar(&d.proxy, "awsProxy", "", "a proxy for requests to S3")
	flags.StringVar(&d.encryption, "awsS3sse", "", "how S3 encrypts what is stored: aws:kms or AES256")
	flags.BoolVar(&d.pathStyle, "awsS3ForcePathStyle", false, "name the bucket in the path of the address")
	flags.StringVar(&d.bucketRoot, "awsBucketRootPath", "", "the folder in the bucket of S3")
	flags.IntVar(&d.attempts, "awsMaxAttempts", 5, "how many attempts a request to S3 has")
	flags.StringVar(&d.gcsRoot, "gcsBucketRootPath", "", "the folder in the bucket of Google Cloud Storage")
	flags.StringVar(&d.azureAccount, "azureAccountName", "", "the storage account of Azure")
	flags.StringVar(&d.azureKey, "azureAccountKey", "", "a key of the account, in place of AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")
	flags.StringVar(&d.swiftID, "osCredentialId", "", "the access key of EC2 credentials of OpenStack")
	flags.StringVar(&d.swiftSecret, "osSecret", "", "the secret of that access key")
	flags.StringVar(&d.swiftAuthURL, "osAuthUrl", "", "the address of Keystone, which is not needed")
	flags.StringVar(&d.swiftURL, "osSwiftUrl", "", "the address of Swift, whose API of S3 is at the root of the same host")
}

// open opens the store of the flags. Credentials are those of the environment, where no flag has them.
func (d *docsPlace) open(ctx context.Context, concurrency int) (*store.Store, error) {
	switch {
	case d.kind == "":
		return nil, fault.New(fault.Input, "--publisher-type is required: awsS3, googleGcs, azureBlobStorage, openStackSwift, or local")
	case d.name == "":
		return nil, fault.New(fault.Input, "--storage-name is required: the bucket, the container, or the directory")
	}
	configured := config.TechDocs{LegacyUseCaseSensitiveTripletPaths: d.keepCase, Publisher: config.TechDocsPublisher{
		Type:  d.kind,
		Local: config.DocsFolder{PublishDirectory: d.name},
		AWSS3: config.DocsS3{BucketName: d.name, BucketRootPath: d.bucketRoot, Endpoint: d.endpoint, ForcePathStyle: d.pathStyle, Encryption: d.encryption,
			HTTPSProxy: d.proxy, MaximumAttempts: d.attempts, Credentials: config.DocsS3Credentials{RoleARN: d.roleARN}},
		GoogleGCS: config.DocsGCS{BucketName: d.name, BucketRootPath: d.gcsRoot},
		AzureBlobStorage: config.DocsAzure{ContainerName: d.name,
			Credentials: config.DocsAzureCredentials{AccountName: d.azureAccount, AccountKey: config.Secret(d.azureKey)}},
		OpenStackSwift: config.DocsOpenStack{ContainerName: d.name, SwiftURL: d.swiftURL, AuthURL: d.swiftAuthURL,
			Credentials: config.DocsOpenStackCredentials{ID: d.swiftID, Secret: config.Secret(d.swiftSecret)}},
	}}
	return store.Open(ctx, configured, store.Settings{Concurrency: concurrency})
}

func publishDocsCommand() *cobra.Command {
	var place docsPlace
	var of, directory string
	var skip, verbose bool
	command := &cobra.Command{
		Use: "publish", Short: "Publish a site", Args: cobra.NoArgs,
		Long: `Publishes a site. It uploads what has changed, in an order that leaves no page without what it shows, and removes last
what is no part of the site any more. After an error, doing it again continues. Credentials are those of the environment.`,
		Example: `  portico techdocs publish --publisher-type local --storage-name published --entity default/component/shop --directory site
  portico techdocs publish --publisher-type awsS3 --storage-name acme-techdocs --entity default/component/shop --skip-if-unchanged`,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			parts := strings.Split(of, "/")
			if len(parts) != 3 {
				return fault.New(fault.Input, "--entity '%s': write namespace/kind/name, such as default/component/shop", of)
			}
			ref := techdocs.Ref{Namespace: parts[0], Kind: parts[1], Name: parts[2]}
			sites, err := place.open(command.Context(), 0)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, sites.Close()) }()
			return publishSite(command.Context(), command.OutOrStdout(), sites, ref, directory, skip)
		},
	}
	flags := command.Flags()
	place.addFlags(flags)
	flags.BoolVar(&place.keepCase, "legacyUseCaseSensitiveTripletPaths", false, "keep the case of namespace, kind and name in paths")
	flags.StringVar(&of, "entity", "", "whose site it is: namespace/kind/name")
	flags.StringVar(&directory, "directory", "./site/", "the directory with the site")
	flags.BoolVar(&skip, "skip-if-unchanged", false, "publish nothing when the published site has the same etag")
	flags.BoolVarP(&verbose, "verbose", "v", false, "has no effect: all there is to say is said")
	flags.Lookup("verbose").Hidden = true
	return command
}

// publishSite publishes a directory, unless its site is published already.
func publishSite(ctx context.Context, out io.Writer, sites *store.Store, ref techdocs.Ref, directory string, skip bool) error {
	if skip {
		made, err := store.ReadMetadata(directory)
		if err != nil {
			return err
		}
		published, err := sites.Metadata(ctx, ref)
		switch kind := fault.KindOf(err); {
		case err != nil && kind != fault.NotFound && kind != fault.Input:
			return err
		case err == nil && made.ETag != "" && made.ETag == published.ETag:
			fmt.Fprintf(out, "The site of %s has the etag %s already: nothing was published\n", ref.Path(), made.ETag)
			return nil
		}
	}
	done, err := sites.Upload(ctx, ref, directory)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Published the site of %s to %s: %d files uploaded, %d unchanged, %d removed\n", ref.Path(), sites.Name(), done.Uploaded, done.Unchanged, done.Removed)
	return nil
}

func migrateDocsCommand() *cobra.Command {
	var place docsPlace
	var how store.Migration
	var verbose bool
	command := &cobra.Command{
		Use: "migrate", Short: "Bring published sites to paths in lower case", Args: cobra.NoArgs,
		Long: `Copies the files of sites that were published with namespace, kind and name in their own case to where those are in
lower case. It can be stopped and done again: what is there already is not copied again.`,
		Example: `  portico techdocs migrate --publisher-type local --storage-name published
  portico techdocs migrate --publisher-type awsS3 --storage-name acme-techdocs --removeOriginal --concurrency 50`,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			sites, err := place.open(command.Context(), how.Concurrency)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, sites.Close()) }()
			if verbose {
				how.Log = func(line string) { fmt.Fprintln(command.OutOrStdout(), line) }
			}
			done, err := sites.Migrate(command.Context(), how)
			fmt.Fprintf(command.OutOrStdout(), "%d files copied, %d were there already, %d originals removed\n", done.Copied, done.Present, done.Removed)
			return err
		},
	}
	flags := command.Flags()
	place.addFlags(flags)
	flags.BoolVar(&how.RemoveOriginal, "removeOriginal", false, "remove what was copied")
	flags.IntVar(&how.Concurrency, "concurrency", 25, "how many files are copied at once")
	flags.BoolVarP(&verbose, "verbose", "v", false, "name each file")
	return command
}

func serveDocsCommand() *cobra.Command {
	var source docsSource
	var port int
	command := &cobra.Command{
		Use: "serve", Short: "Show a site while it is being written", Args: cobra.NoArgs,
		Long:    `Shows a site to the browsers of this machine. When a file changes, they show it anew, with what is wrong with it.`,
		Example: `  portico techdocs serve --preview-app-port 3100`,
		RunE:    func(command *cobra.Command, _ []string) error { return serveDocs(command, &source, port) },
	}
	flags := command.Flags()
	source.addFlags(flags)
	flags.IntVar(&port, "preview-app-port", 3000, "the port; 0 is any free one")
	source.ignore(flags, []string{"no-docker", "mkdocs-parameter-clean", "mkdocs-parameter-dirtyreload", "mkdocs-parameter-strict"},
		[]string{"docker-entrypoint", "docker-option", "mkdocs-port", "preview-app-bundle-path", "mkdocs-config-file-name"})
	source.ignoreImage(flags)
	return command
}

// ignoreImage accepts the flag with a short form.
func (d *docsSource) ignoreImage(flags *pflag.FlagSet) {
	flags.StringP("docker-image", "i", "", "has no effect: Docker is not used")
	flags.Lookup("docker-image").Hidden = true
	d.ignored = append(d.ignored, "docker-image")
}

func serveMkDocsCommand() *cobra.Command {
	var source docsSource
	var port int
	command := &cobra.Command{
		Use: "serve:mkdocs", Short: "Show a site as serve does, on the port of MkDocs", Args: cobra.NoArgs,
		Example: `  portico techdocs serve:mkdocs --port 8001`,
		RunE:    func(command *cobra.Command, _ []string) error { return serveDocs(command, &source, port) },
	}
	flags := command.Flags()
	source.addFlags(flags)
	flags.IntVarP(&port, "port", "p", 8000, "the port; 0 is any free one")
	source.ignore(flags, []string{"no-docker"}, []string{"docker-entrypoint", "docker-option"})
	source.ignoreImage(flags)
	return command
}

func serveDocs(command *cobra.Command, source *docsSource, port int) error {
	source.explain(command)
	generator, err := docsGenerator()
	if err != nil {
		return err
	}
	listener, err := listen(command.Context(), config.Listen{Host: "127.0.0.1", Port: port}, "the port of the preview")
	if err != nil {
		return err
	}
	if info, err := os.Stat(source.sourceDir); err != nil || !info.IsDir() {
		return errors.Join(fault.New(fault.Input, "%s is no directory: --source-dir is where mkdocs.yml is", source.sourceDir), listener.Close())
	}
	out := command.OutOrStdout()
	address, _ := listener.Addr().(*net.TCPAddr)
	fmt.Fprintf(out, "Serving http://localhost:%d; press Ctrl-C to stop\n", address.Port)
	preview := &job.Preview{Source: source.sourceDir, Generator: generator, Options: techdocs.Options{SiteName: source.siteName},
		Log: func(line string) { fmt.Fprintln(out, line) }}
	return api.ServeDocsPreview(command.Context(), listener, preview)
}
