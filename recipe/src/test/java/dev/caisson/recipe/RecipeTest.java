package dev.caisson.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.manifest.ManifestException.Problem;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
class RecipeTest {
  @TempDir Path temp;

  private Recipe read(String text) throws IOException {
    return Recipe.read(Files.writeString(temp.resolve("recipe.yaml"), text));
  }

  private List<Problem> problems(String text) {
    return catchThrowableOfType(ManifestException.class, () -> read(text)).problems();
  }

  @Test
  void aRecipeWithOnlyPackagesHasTheDefaults() throws Exception {
    var recipe = read("packages: [bash, g++]\n");
    assertThat(recipe.packages()).containsExactly("bash", "g++");
    assertThat(recipe.variant()).isEqualTo("minbase");
    assertThat(recipe.suite()).isEmpty();
    assertThat(recipe.run()).isEmpty();
    assertThat(recipe.sourceEpoch()).isEmpty();
    assertThat(recipe.archive()).isEmpty();
  }

  @Test
  void allKeysAreRead() throws Exception {
    var recipe =
        read(
            """
            suite: stable
            variant: extract
            packages:
              - busybox-static   # with a comment
              - libstdc++6
            run:
              - echo "a" > /b
              - [/bin/busybox, mkdir, -p, "with space"]
            source-epoch: 1700000000
            export:
              tar:
                filename: a.tar.gz
            """);
    assertThat(recipe.suite()).contains("stable");
    assertThat(recipe.variant()).isEqualTo("extract");
    assertThat(recipe.packages()).containsExactly("busybox-static", "libstdc++6");
    assertThat(recipe.run())
        .containsExactly(
            List.of("/bin/sh", "-c", "echo \"a\" > /b"),
            List.of("/bin/busybox", "mkdir", "-p", "with space"));
    assertThat(recipe.sourceEpoch()).hasValue(1700000000);
    assertThat(recipe.archive()).contains("a.tar.gz");
  }

  @Test
  void anArchiveHasADefaultName() throws Exception {
    assertThat(read("packages: []\nexport: {tar: {}}\n").archive()).contains("tree.tar");
    assertThat(read("packages: []\nexport: {tree: {}}\n").archive()).isEmpty();
  }

  @Test
  void theErrorForInvalidYamlHasLineAndColumn() {
    var problem = problems("packages:\n  - bash\n  - [unclosed\n").getFirst();
    assertThat(problem.message()).contains("not YAML").containsPattern("line [34], column \\d+");
    assertThat(problems("packages:\n\t- bash\n").getFirst().message()).contains("line 2, column 1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '^',
      value = {
        "packages: [a1;run: x ~ expected ',' or ']', but got ~ (line 2, column 4)",
        "packages:;\t- a1 ~ found character '\\t(TAB)' that cannot start any token ~ (line 2, column 1)",
        "packages: \"a1 ~ found unexpected end of stream ~ (line 1, column 14)",
        "packages: [a1];  run: [x] ~ expected <block end>, but found ~ (line 2, column 3)",
        "packages: a1: b ~ mapping values are not allowed here ~ (line 1, column 13)",
        "packages: [@a1] ~ found character '@' that cannot start any token ~ (line 1, column 12)",
        "packages: [a1];- x ~ expected <block end>, but found '-' ~ (line 2, column 1)",
      })
  void theErrorForInvalidYamlHasTheReasonAndThePlace(String text, String reason, String place) {
    var yaml = text.replace(';', '\n');
    assertThat(problems(yaml).getFirst().message())
        .startsWith("not YAML: ")
        .contains(reason)
        .endsWith(place)
        .doesNotContain("packages:", "\n");
  }

  @Test
  void theErrorForADuplicateKeyHasItsLine() {
    assertThat(problems("packages: [a1]\npackages: [b1]\n").getFirst().message())
        .contains("packages")
        .contains("line 2");
  }

  @Test
  void theErrorForAnUnknownKeyHasItsPath() {
    assertThat(problems("packages: []\npackage: [bash]\n"))
        .containsExactly(
            new Problem(
                "package",
                "is not known here. Did you mean 'packages'? Known keys: export, packages, run,"
                    + " source-epoch, suite, variant"));
    assertThat(problems("packages: []\nexport: {tar: {file-name: x}}\n"))
        .containsExactly(
            new Problem(
                "export.tar.file-name",
                "is not known here. Did you mean 'filename'? Known keys: filename"));
  }

  @Test
  void allProblemsAreReportedAtOnce() {
    assertThat(
            problems(
                "suite: 12\nvariant: huge\npackages: [ok1, Bad, 7]\nsource-epoch: soon\nexport: {}\n"))
        .extracting(Problem::path)
        .contains("suite", "variant", "packages[1]", "packages[2]", "source-epoch", "export");
  }

  @Test
  void aCommandThatIsNeitherTextNorWordsIsRefusedWithOneReason() {
    assertThat(problems("packages: []\nrun: [true]\n"))
        .containsExactly(new Problem("run[0]", "boolean found, [string, array] expected"));
    assertThat(problems("packages: []\nrun: [[], \"\"]\n"))
        .extracting(Problem::path)
        .containsExactly("run[0]", "run[1]");
  }

  @Test
  void theListOfPackagesIsNeeded() {
    assertThat(problems("suite: stable\n")).containsExactly(new Problem("packages", "is missing"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "\n", "# only a comment\n", "---\n", "null\n", "- bash\n", "bash\n", "42\n"})
  void aRecipeThatIsNotAMapIsRefused(String text) {
    assertThat(problems(text)).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"a1\n---\npackages: [b1]", "a1]\n...\nrubbish: [", "a1]\n---\npackages: [b1"})
  void moreThanOneDocumentIsRefused(String rest) {
    assertThat(problems("packages: [" + rest + "]\n")).isNotEmpty();
  }

  @Test
  void aSecondDocumentIsRefusedAsOne() {
    assertThat(problems("packages: [a1]\n---\npackages: [b1]\n"))
        .containsExactly(new Problem("", "more than one document"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Bash",
        "-bash",
        "--option",
        "bash-",
        "bash bash",
        "b",
        "",
        "?essential",
        "~i",
        "bash\\n",
        "bash;id",
        "../x",
        "bash,dash",
        "$x",
        "bäsh",
        "bash=",
        "bash=-1",
        "bash=1-",
        "bash=1 2",
        "bash=1;id",
        "bash/",
        "bash/-o",
        "bash/a/b",
        "bash/a=1",
        "bash:",
        "bash:-o",
        "bash:amd64:i386",
        "=1",
        "bash^",
        "lib*"
      })
  void invalidNamesOfPackagesAreRefusedWithTheirPath(String name) {
    assertThat(problems("packages: [good, \"" + name + "\"]\n"))
        .extracting(Problem::path)
        .containsExactly("packages[1]");
  }

  @ParameterizedTest
  @CsvSource({
    "bash,bash",
    "libc6:i386,libc6:i386",
    "libc6:amd64,libc6",
    "python3:any,python3",
    "bash=5.2.15-2+b13,bash",
    "g++=4:12.2.0-3,g++",
    "bash=5.2*,bash",
    "bash=1.0~rc1,bash",
    "libc6:i386=2.36-9,libc6:i386",
    "bash/stable,bash",
    "bash/bookworm-backports,bash",
    "libc6:i386/stable,libc6:i386"
  })
  void aPackageMayHaveAnArchitectureAndAVersionOrASuite(String text, String locked)
      throws Exception {
    assertThat(read("packages: [\"" + text + "\"]\n").packages()).containsExactly(text);
    assertThat(RequestedPackage.of(text).locked("amd64")).isEqualTo(locked);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a/b.tar", "", "/a.tar"})
  void theNameOfAnArchiveHasNoSlash(String name) {
    assertThat(problems("packages: []\nexport: {tar: {filename: \"" + name + "\"}}\n"))
        .isNotEmpty();
  }

  @Test
  void aliasesCannotMakeARecipeLarge() {
    var text = new StringBuilder("a0: &a0 [x, x]\n");
    for (int i = 1; i < 40; i++) {
      text.append("a%d: &a%d [*a%d, *a%d]\n".formatted(i, i, i - 1, i - 1));
    }
    assertThat(problems(text + "packages: *a39\n")).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "packages: [&x1 bash, *x1]\n",
        "packages: [bash]\nsuite: &x1 stable\nvariant: *x1\n",
        "packages: [bash]\nexport: {tar: {filename: &x1 a.tar}}\nsuite: *x1\nrun: [\n",
      })
  void anAliasIsNotTakenForAName(String text) {
    // The parser does not resolve an alias. Its name must not be taken for a package.
    assertThat(problems(text))
        .singleElement()
        .extracting(Problem::message)
        .asString()
        .startsWith("aliases are not supported (line ");
  }

  @Test
  void aRecipeOfMoreThanAMegabyteIsRefused() {
    assertThat(problems("packages: [" + "bash, ".repeat(200_000) + "bash]\n").getFirst().message())
        .contains("1 MiB");
  }

  @Test
  void deepNestingIsRefused() {
    assertThat(problems("packages: " + "[".repeat(50_000) + "]".repeat(50_000) + "\n"))
        .isNotEmpty();
  }

  @Test
  void numbersAndBooleansAreNotTakenForNames() {
    assertThat(problems("packages: [1e3, true, 10]\n"))
        .extracting(Problem::path)
        .containsExactly("packages[0]", "packages[1]", "packages[2]");
  }

  @Test
  void theLockIsInTheDirectoryOfTheRecipe() {
    assertThat(Recipe.lockFile(Path.of("/a/web.yaml"))).isEqualTo(Path.of("/a/web.lock.json"));
    assertThat(Recipe.lockFile(Path.of("web.yml"))).isEqualTo(Path.of("web.lock.json"));
    assertThat(Recipe.lockFile(Path.of("yaml.d/a.b.yaml")))
        .isEqualTo(Path.of("yaml.d/a.b.lock.json"));
  }

  @Test
  void recipesAreRecognizedByTheirNames() {
    assertThat(Recipe.isRecipe(Path.of("a.yaml"))).isTrue();
    assertThat(Recipe.isRecipe(Path.of("a.yml"))).isTrue();
    assertThat(Recipe.isRecipe(Path.of("a.lock.json"))).isFalse();
  }

  @Test
  void aRecipeWithAnotherNameIsRecognizedByItsFirstCharacter() throws Exception {
    var file = temp.resolve("image");
    for (var text : List.of("packages: []\n", "# a comment\n", "\n\n  ---\n", "\"packages\": []")) {
      assertThat(Recipe.isRecipe(Files.writeString(file, text))).as(text).isTrue();
    }
    for (var text : List.of("{}", " \n\t{\"version\": \"2\"}", "[]", "", "\n")) {
      assertThat(Recipe.isRecipe(Files.writeString(file, text))).as(text).isFalse();
    }
    assertThat(Recipe.isRecipe(temp)).isFalse();
    assertThat(Recipe.isRecipe(temp.resolve("absent"))).isFalse();
  }

  @Test
  void theFingerprintIsThatOfTheText() throws Exception {
    var one = read("packages: [bash]\n");
    assertThat(read("packages: [bash]\n").fingerprint()).isEqualTo(one.fingerprint());
    assertThat(read("packages: [bash] \n").fingerprint()).isNotEqualTo(one.fingerprint());
  }
}
