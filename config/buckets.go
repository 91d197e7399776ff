package config

// AzureBlobStorage is a storage account of Azure. The first of AccountKey, SASToken and AADCredential counts; without all,
// the credentials of the environment do.
type AzureBlobStorage struct {
	AccountName string `yaml:"accountName"`
	AccountKey  Secret `yaml:"accountKey"`
	SASToken    Secret `yaml:"sasToken"`
	// Host is what follows the account's name in its address. Endpoint, when it is not "", is the whole address.
	Host          string        `yaml:"host"`
	Endpoint      string        `yaml:"endpoint"`
	AADCredential AADCredential `yaml:"aadCredential"`
}

// AADCredential is an application of Microsoft Entra ID.
type AADCredential struct {
	TenantID     string `yaml:"tenantId"`
	ClientID     string `yaml:"clientId"`
	ClientSecret Secret `yaml:"clientSecret"`
}

// GoogleGCS is a service account for Google Cloud Storage. The zero value stands for the credentials of the environment.
type GoogleGCS struct {
	ClientEmail string `yaml:"clientEmail"`
	PrivateKey  Secret `yaml:"privateKey"`
}
