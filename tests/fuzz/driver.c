/* Runs a fuzz target over files and directories given as arguments: what was once found stays
 * found, in every ordinary test run. Fails when there was nothing to run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned runs;

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	size_t len = 0, room = 1 << 16;
	uint8_t *data = malloc(room);
	for (size_t n; data && (n = fread(data + len, 1, room - len, f)) > 0;) {
		len += n;
		if (len == room)
			data = realloc(data, room *= 2);
	}
	fclose(f);
	if (!data)
		return 1;
	uint8_t *exact = malloc(len ? len : 1); /* one byte too far is a crash */
	if (exact && len)
		memcpy(exact, data, len);
	free(data);
	if (exact)
		LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	runs++;
	return 0;
}

static int run_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	DIR *dir = opendir(path);
	int failed = !dir;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		char name[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		failed |= run_path(name);
	}
	if (dir)
		closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++)
		failed |= run_path(argv[i]);
	printf("%u inputs\n", runs);
	return failed || runs == 0;
}
