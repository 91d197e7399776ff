package aws

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

const (
	objectsKind = "aws:s3:objects"
	// maxFiles bounds the files of a step: the ledger keeps the key of each.
	maxFiles = 5000
	// uploadTimeout bounds the upload of one file.
	uploadTimeout = 10 * time.Minute
)

// copyFiles is roadiehq:aws:s3:cp.
type copyFiles struct{ options Options }

// Describe lists the action with Roadie's schema.
func (copyFiles) Describe() action.Description {
	return action.Description{
		ID:            "roadiehq:aws:s3:cp",
		Description:   "Copies files of the workspace to a bucket of S3.",
		InputSchema:   copyInput,
		UsesWorkspace: true,
		Undoes: "Deletes the objects that the step has written, unless somebody has replaced them since. An object that was there before gets its former " +
			"content back where the bucket keeps versions; elsewhere it keeps the step's.",
		Needs: []string{needsAccount + " For a server besides AWS, an entry in `integrations.awsS3` with its `endpoint`.",
			"The rights s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject for the bucket; with versions, s3:DeleteObjectVersion too."},
		Differences: []string{
			"A file that cannot be uploaded fails the step. Roadie's action logs a warning and goes on.",
			"`endpoint` is one of the configured addresses: the files are sent there.",
			"An object has the metadata `portico-effect`, by which a later attempt and a rollback recognize it.",
			fmt.Sprintf("A step copies at most %d files.", maxFiles),
		},
		Examples: []action.Example{
			{Description: "Copy the whole workspace, without names that begin with a dot", Example: `steps:
  - id: upload
    name: Upload the files
    action: roadiehq:aws:s3:cp
    input:
      bucket: ${{ parameters.bucket }}
      region: eu-west-1
`},
			{Description: "Copy a directory below a prefix", Example: `steps:
  - id: upload
    name: Upload the site
    action: roadiehq:aws:s3:cp
    input:
      bucket: acme-sites
      region: eu-west-1
      path: site
      prefix: ${{ parameters.name }}
`},
		},
	}
}

type copyFilesInput struct {
	Bucket         string `json:"bucket"`
	Region         string `json:"region"`
	Path           string `json:"path"`
	Prefix         string `json:"prefix"`
	Endpoint       string `json:"endpoint"`
	ForcePathStyle *bool  `json:"s3ForcePathStyle"`
}

// upload is what the ledger keeps: which objects the step writes, and where.
type upload struct {
	Bucket    string   `json:"bucket"`
	Region    string   `json:"region"`
	Endpoint  string   `json:"endpoint,omitempty"`
	PathStyle bool     `json:"pathStyle,omitempty"`
	Keys      []string `json:"keys"`
}

// begin reads the input, and selects the files: their names by the keys of their objects.
func (a copyFiles) begin(call *action.Call) (upload, map[string]string, error) {
	var wanted copyFilesInput
	if err := call.Decode(&wanted); err != nil {
		return upload{}, nil, err
	}
	kept := upload{Bucket: wanted.Bucket, Region: wanted.Region, Endpoint: wanted.Endpoint}
	store, _ := a.options.store(wanted.Endpoint)
	kept.PathStyle = store.ForcePathStyle
	if wanted.ForcePathStyle != nil {
		kept.PathStyle = *wanted.ForcePathStyle
	}
	names, err := selectFiles(call, wanted.Path)
	if err != nil {
		return upload{}, nil, err
	}
	files := map[string]string{}
	for _, name := range names {
		key := name
		if wanted.Prefix != "" {
			key = wanted.Prefix + "/" + name
		}
		kept.Keys = append(kept.Keys, key)
		files[key] = name
	}
	return kept, files, nil
}

// selectFiles are the names of the files that Roadie's pattern selects, sorted: those below a path, without links, and
// without names that begin with a dot unless the path has such names.
func selectFiles(call *action.Call, below string) ([]string, error) {
	below, err := workspace.Resolve(call.Workspace, cmp.Or(below, "."))
	if err != nil {
		return nil, err
	}
	selected, err := workspace.NewGlobs(call.Workspace.FS(), []string{below, path.Join(below, "**")})
	if err != nil {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(call.Workspace.FS(), ".", func(name string, item fs.DirEntry, err error) error {
		if err != nil || !item.Type().IsRegular() || dots(name) > dots(below) {
			return err
		}
		isSelected, err := selected.Match(name)
		if isSelected {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) > maxFiles {
		err = action.InputError("%d files are selected, and a step copies at most %d", len(names), maxFiles)
	}
	slices.Sort(names)
	return names, workspace.ExplainPath(below, err)
}

// dots counts the names of a path that begin with a dot.
func dots(name string) (count int) {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." {
			count++
		}
	}
	return count
}

// Run uploads the files.
func (a copyFiles) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	kept, files, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	b, err := a.options.bucket(ctx, kept)
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		spec := b.objects()
		find := spec.Find
		spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[[]object], error) {
			found, err := find(ctx, effect)
			if found != nil && len(found.Thing) < len(kept.Keys) {
				return nil, err // Create adds what is missing
			}
			return found, err
		}
		spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[[]object], error) {
			return b.write(ctx, call, effect.ID, files)
		}
		if _, _, err := resource.Ensure(ctx, call, spec); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(files))
	for _, key := range kept.Keys {
		names = append(names, files[key])
	}
	call.Log.Info("successfully uploaded the following file(s): %s", strings.Join(names, "\n"))
	return nil, nil
}

// Undo deletes the objects.
func (a copyFiles) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[upload](call.Effect)
	if err != nil {
		return err
	}
	b, err := a.options.bucket(ctx, kept)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, b.objects())
}

// Plan says what Run would upload.
func (a copyFiles) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	kept, _, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	b, err := a.options.bucket(ctx, kept)
	if err != nil || len(kept.Keys) == 0 {
		return action.Plan{Summary: "copy no file: none is selected"}, err
	}
	return resource.Plan(ctx, b.objects(), fmt.Sprintf("copy %d files to %s", len(kept.Keys), b.name()))
}

// store finds the server of an endpoint.
func (o Options) store(endpoint string) (Store, bool) {
	i := slices.IndexFunc(o.Stores, func(s Store) bool { return strings.TrimSuffix(s.Endpoint, "/") == strings.TrimSuffix(endpoint, "/") })
	if endpoint == "" || i < 0 {
		return Store{}, false
	}
	return o.Stores[i], true
}

// bucket is the bucket of an upload.
type bucket struct {
	upload

	client *s3.Client
}

// bucket connects to the bucket of an upload. An endpoint that is not configured is refused.
func (o Options) bucket(ctx context.Context, kept upload) (bucket, error) {
	var settings aws.Config
	var err error
	store, isKnown := o.store(kept.Endpoint)
	switch {
	case kept.Endpoint == "":
		settings, err = o.connect(ctx, kept.Region, "")
	case isKnown:
		settings, err = o.configure(ctx, kept.Region, store.Account, store.Endpoint)
	default:
		err = action.Advise(action.InputError("endpoint %s is no server that is configured", kept.Endpoint),
			"Ask an operator to add it to integrations.awsS3, or leave endpoint out for AWS.")
	}
	if err != nil {
		return bucket{}, err
	}
	return bucket{upload: kept, client: s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = kept.PathStyle })}, nil
}

// name is the name of the upload for people: the bucket and the directory that its objects have in common.
func (b bucket) name() string {
	common := path.Dir(b.Keys[0])
	for _, key := range b.Keys {
		for common != "." && common != "/" && !strings.HasPrefix(key, common+"/") {
			common = path.Dir(common)
		}
	}
	if common == "." || common == "/" {
		return "s3://" + b.Bucket
	}
	return "s3://" + b.Bucket + "/" + strings.TrimPrefix(common, "/")
}

// objects describes the objects of the upload to package resource, for finding and deleting those that are there.
func (b bucket) objects() resource.Spec[[]object] {
	return resource.Spec[[]object]{
		Intent: action.Intent{Kind: objectsKind, Name: b.name(), Data: b.upload},
		Title:  "the objects in " + b.name(),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[[]object], error) {
			if effect.ID == "" || effect.Fresh {
				return nil, nil // nothing can have been written for it
			}
			return b.find(ctx, effect.ID)
		},
		Delete: b.delete,
	}
}
