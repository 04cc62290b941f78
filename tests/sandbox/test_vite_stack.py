"""The baked stack builds a real application without any network and without installing anything."""

import pytest

from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.image import build_image
from sandbox.npm import stack_files
from sandbox.packages import baked_packages, complete_project
from sandbox.podman import PodmanContainer
from sandbox.preview import Preview, wait_for_http

BUILD = ("vite", "build")
APP = {
    "src/main.jsx": b"""import { createRoot } from "react-dom/client"
import { BrowserRouter, Link, Route, Routes } from "react-router-dom"
import { Camera } from "lucide-react"
import Chart from "chart.js/auto"
import clsx from "clsx"
import "./app.css"
const Home = () => <h1 className={clsx("text-center", "p-4")}><Camera />{Chart.name ? "Home" : ""}</h1>
createRoot(document.getElementById("root")).render(
  <BrowserRouter><Link to="/about">About</Link>
    <Routes><Route path="/" element={<Home />} /><Route path="/about" element={<h1>About us</h1>} /></Routes>
  </BrowserRouter>)
""",
    "src/app.css": b'@import "tailwindcss";',
}


def test_the_lock_names_hashes_and_no_server():
    lock = stack_files()["package-lock.json"].decode()
    assert "://" not in lock
    assert lock.count('"integrity"') > 40


@pytest.fixture(scope="module")
def container(podman_settings):
    build_image("vite-react", podman_settings, print)
    with PodmanContainer(ContainerSettings(stack="vite-react"), podman_settings) as container:
        yield container


@pytest.mark.podman
def test_every_allowed_package_is_there_in_its_version(container):
    script = "for (const n of process.argv.slice(1)) console.log(require(`/node_modules/${n}/package.json`).version)"
    told = container.exec(["node", "-e", script, "--", *baked_packages()], timeout_s=20)
    assert told.stdout.split() == list(baked_packages().values())


@pytest.mark.podman
@pytest.mark.browser
def test_an_application_is_built_published_and_works(container):
    container.replace(complete_project(APP).files)
    built = container.exec(BUILD, timeout_s=60)
    assert built.exit_code == 0, built.stderr
    container.publish("dist")
    with Preview(container) as preview, Browser(BrowserSettings(), preview.url) as browser:
        page = browser.open("/")
        assert (page.status, page.events) == (200, ())
        assert browser.evaluate("return document.querySelector('h1').textContent") == "Home"
        assert browser.evaluate("return getComputedStyle(document.querySelector('h1')).textAlign") == "center"
        browser.evaluate("document.querySelector('a').click()")
        assert browser.evaluate("return document.querySelector('h1').textContent") == "About us"
    assert wait_for_http(container.socket, 5, "/about").status == 200
    assert {path.split("/")[0] for path in container.read()} >= {"dist", "src"}


@pytest.mark.podman
def test_a_broken_application_is_a_result_that_names_the_file(container):
    container.replace(complete_project({**APP, "src/main.jsx": b"export default () => <div>"}).files)
    built = container.exec(BUILD, timeout_s=60)
    assert built.exit_code == 1
    assert "src/main.jsx" in built.stdout + built.stderr
