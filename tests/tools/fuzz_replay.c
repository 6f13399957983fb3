/*
 * Runs a fuzz target over its corpus without libFuzzer, so that any compiler can replay it.
 *
 * The corpus is tests/fuzz/corpus/<program without _replay>, or the files given. Each input is also
 * cut short at every length (the first 512) and its bits are flipped one by one.
 */
#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define INPUT_MAX  (1024 * 1024)
#define CUTS_MAX   512
#define FLIP_BYTES 256

/* A copy of its own size each time, so that the sanitizer sees a read past the end. */
static void feed(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert(copy);
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void vary(uint8_t *data, size_t len)
{
    feed(data, len);
    for (size_t cut = 0; cut < len && cut < CUTS_MAX; cut++)
        feed(data, cut);
    for (size_t bit = 0; bit < len * 8 && bit < FLIP_BYTES * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        feed(data, len);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void replay(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        exit(1);
    }
    size_t len = fread(data, 1, sizeof(data), f);
    fclose(f);
    vary(data, len);
    printf("ok %s\n", path);
}

/* "build/asan/tests/fuzz/x_fuzz_replay" -> "tests/fuzz/corpus/x_fuzz" */
static void corpus_of(const char *program, char out[static PATH_MAX])
{
    const char *name = strrchr(program, '/');
    const char *end = strstr(program, "_replay");

    name = name ? name + 1 : program;
    snprintf(out, PATH_MAX, "tests/fuzz/corpus/%.*s", end ? (int)(end - name) : 0, name);
}

int main(int argc, char **argv)
{
    char dir[PATH_MAX], path[PATH_MAX + 300];
    struct dirent **names;

    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc > 1)
        return 0;
    feed((const uint8_t *)"", 0);
    printf("ok empty input\n");
    corpus_of(argv[0], dir);
    int count = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        if (names[i]->d_type == DT_REG)
            replay(path);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return 0;
}
