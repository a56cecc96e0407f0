package corpus

import (
	"context"

	"github.com/artifortress/afs-engine/bench"
)

func typescriptPackages() []npmPackage {
	const name = "typescript"
	return []npmPackage{
		{"5.3.2", name, "sha512-6l+RyNy7oAHDfxC4FzSJcz9vnjTKxrLpDG5M2Vu4SHRVNg6xzqZp6LYSR9zjqQTu8DU/f5xwxUdADOkbrIX2gQ=="},
		{"5.3.3", name, "sha512-pXWcraxM0uxAS+tN0AG/BF2TyqmHO014Z070UsJ+pFvYuRSq8KH8DmWpnbXe0pEPDHXZV3FcAbJkijJ5oNEnWw=="},
		{"5.4.2", name, "sha512-+2/g0Fds1ERlP6JsakQQDXjZdZMM+rqpamFZJEKh4kwTIn3iDkgKtby0CeNd5ATNZ4Ry1ax15TMx0W2V+miizQ=="},
		{"5.4.3", name, "sha512-KrPd3PKaCLr78MalgiwJnA25Nm8HAmdwN3mYUYZgG/wizIo9EainNVQI9/yDavtVFRN2h3k8uf3GLHuhDMgEHg=="},
		{"5.4.4", name, "sha512-dGE2Vv8cpVvw28v8HCPqyb08EzbBURxDpuhJvTrusShUfGnhHBafDsLdS1EhhxyL6BJQE+2cT3dDPAv+MQ6oLw=="},
		{"5.4.5", name, "sha512-vcI4UpRgg81oIRUFwR0WSIHKt11nJ7SAVlYNIu+QpqeyXP+gpQJy/Z4+F0aGxSE4MqwjyXvW/TzgkLAx2AGHwQ=="},
		{"5.5.2", name, "sha512-NcRtPEOsPFFWjobJEtfihkLCZCXZt/os3zf8nTxjVH3RvTSxjrCamJpbExGvYOF+tFHc3pA65qpdwPbzjohhew=="},
		{"5.5.3", name, "sha512-/hreyEujaB0w76zKo6717l3L0o/qEUtRgdvUBvlkhoWeOVMjMuHNHk0BRBzikzuGDqNmPQbg5ifMEqsHLiIUcQ=="},
	}
}

// typescript has its bytes in a few very large text files, which a new release
// changes here and there.
func typescript() Spec {
	return Spec{
		Name:          "typescript",
		About:         "eight adjacent releases of the npm package typescript, unpacked: mostly four very large text files that change in each",
		Part:          bench.Part{Workloads: storing()},
		DownloadBytes: 47e6, CacheBytes: 300e6,
		build: func(ctx context.Context, c *cache, dir string) error {
			return unpackPackages(ctx, c, dir, typescriptPackages())
		},
	}
}
