package bucket

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/buckets"
)

var (
	// accounts and containers are names at Azure. They become parts of an address.
	accounts   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containers = regexp.MustCompile(`^[$a-z0-9][a-z0-9-]{1,62}$`)
)

// azurePlace is a container of a storage account, which must be one of integrations.azureBlobStorage, as in Backstage.
func azurePlace(configured config.AzureBlobProvider, options Options) (place, error) {
	all := options.Integrations.AzureBlobStorage
	n := slices.IndexFunc(all, func(one config.AzureBlobStorage) bool { return one.AccountName == configured.AccountName })
	switch {
	case !accounts.MatchString(configured.AccountName):
		return place{}, fmt.Errorf("accountName '%s' is no name of a storage account", configured.AccountName)
	case !containers.MatchString(configured.ContainerName):
		return place{}, fmt.Errorf("containerName '%s' is no name of a container", configured.ContainerName)
	case n < 0:
		return place{}, fmt.Errorf("integrations.azureBlobStorage has no entry with the accountName %s", configured.AccountName)
	}
	account, key := all[n], fmt.Sprintf("integrations.azureBlobStorage[%d]", n)
	address := account.Endpoint
	if address == "" {
		address = "https://" + account.AccountName + "." + account.Host
	}
	at, err := baseOf(address, key+".endpoint")
	if err != nil {
		return place{}, err
	}
	credential := account.AADCredential
	if known := []string{credential.TenantID, credential.ClientID, string(credential.ClientSecret)}; slices.Contains(known, "") && strings.Join(known, "") != "" {
		return place{}, fmt.Errorf("%s.aadCredential needs tenantId, clientId and clientSecret", key)
	}
	base := at.JoinPath(configured.ContainerName).String()
	open := func(ctx context.Context, client *http.Client) (*blob.Bucket, error) {
		// The sweep reads a page again, and waits in the meantime.
		return buckets.OpenAzure(ctx, buckets.Azure{Address: base, AccountName: account.AccountName, AccountKey: account.AccountKey, SASToken: account.SASToken,
			Credential: account.AADCredential}, client)
	}
	return place{name: account.AccountName + "/" + configured.ContainerName, base: base, open: open,
		rights: "the role Storage Blob Data Reader, or a token that may list and read"}, nil
}
