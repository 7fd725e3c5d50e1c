@echo off
rem Runs the sirocco command line on Windows, building it first when there is no build or when the sources are newer.
rem The twin of the file `sirocco`: builds lie in artifacts\cli\TIME, artifacts\cli\current names the one to run.
setlocal EnableExtensions
set "ROOT=%~dp0"
set "BUILDS=%ROOT%artifacts\cli"
where dotnet >nul 2>nul || (
  echo error: dotnet is not on the PATH; install the .NET 10 SDK from https://dot.net/download and try again 1>&2
  exit /b 1
)
set "FRESH="
if exist "%BUILDS%\current" (
  set /p BUILD=<"%BUILDS%\current"
  powershell -NoProfile -ExecutionPolicy Bypass -Command ^
    "$t=(Get-Item -LiteralPath '%BUILDS%\current').LastWriteTimeUtc;" ^
    "$f=Get-ChildItem -LiteralPath '%ROOT%src','%ROOT%demo','%ROOT%Directory.Build.props','%ROOT%Directory.Packages.props','%ROOT%global.json' -Recurse -File |" ^
    "Where-Object { $_.LastWriteTimeUtc -gt $t -and $_.FullName -notmatch '\\(bin|obj)\\' } | Select-Object -First 1; exit [int]($null -ne $f)" && set "FRESH=1"
)
if defined FRESH if exist "%BUILDS%\%BUILD%\sirocco.dll" goto run

set "BUILD=%RANDOM%%RANDOM%"
echo building sirocco... 1>&2
if not exist "%BUILDS%" mkdir "%BUILDS%"
set "LOG=%BUILDS%\build-%BUILD%.log"
set "RID=win-x64"
if /i "%PROCESSOR_ARCHITECTURE%"=="ARM64" set "RID=win-arm64"
set "COMMON=-c Release --nologo -v quiet --self-contained false -nodeReuse:false -p:UseSharedCompilation=false -p:LauncherBuild=true"
rem A private folder of intermediate files: two first calls at once do not meet.
set "WORK=%ROOT%artifacts\build-%BUILD%"
dotnet publish "%ROOT%src\Sirocco.Cli\Sirocco.Cli.csproj" %COMMON% --artifacts-path "%WORK%" -o "%BUILDS%\%BUILD%" -p:RuntimeIdentifier=%RID% -p:PublishReadyToRun=true >"%LOG%" 2>&1
if errorlevel 1 dotnet publish "%ROOT%src\Sirocco.Cli\Sirocco.Cli.csproj" %COMMON% --artifacts-path "%WORK%" -o "%BUILDS%\%BUILD%" -p:UseAppHost=false >"%LOG%" 2>&1
if errorlevel 1 (
  type "%LOG%" 1>&2
  echo error: sirocco does not build; the compiler's messages are above and in %LOG% 1>&2
  exit /b 1
)
rd /s /q "%WORK%" 2>nul
>"%BUILDS%\current.%BUILD%" echo %BUILD%
move /y "%BUILDS%\current.%BUILD%" "%BUILDS%\current" >nul

:run
dotnet "%BUILDS%\%BUILD%\sirocco.dll" %*
exit /b %ERRORLEVEL%
